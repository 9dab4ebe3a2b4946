package interop

// The image of contrib/docker: built and run by docker where that works. Elsewhere the steps of the
// Dockerfile are carried out here, each stage in a root of its own, and what they make is run as
// docker runs it: by the image's user, with a root that nobody can write to.

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/peer"
)

const imageVersion = "9.8.7-test"

func TestImage(t *testing.T) {
	run := dockerImage(t)
	if run == nil {
		run = imageBySteps(t)
	}
	said, err := run("--version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(said), "sipscript "+imageVersion+" ") {
		t.Errorf("--version says %q, %v", said, err)
	}
	s := launch(t, run("run", "--data", "/var/lib/sipscript", "-l", "udp:127.0.0.1:0", "-d", "example.com", "--drain", "0s"))
	s.ready()
	alice, bob := peer.New(t, "alice", "example.com", s.via("udp")), peer.New(t, "bob", "example.com", s.via("udp"))
	bob.Register()
	answered(t, alice, bob, "sip:bob@example.com")
	if text := s.log.text(); !strings.Contains(text, "state is kept in /var/lib/sipscript") || strings.Contains(text, "level=WARN") {
		t.Errorf("it has no place of its own to store things:\n%s", text)
	}
}

// dockerImage builds the image by docker, and returns what makes a command within it; nil if docker
// does not work here, or has no way to the images that ours begins with.
func dockerImage(t *testing.T) func(args ...string) *exec.Cmd {
	t.Helper()
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		t.Logf("docker does not work here, so its steps are carried out without it: %v %s", err, tail(string(out), 1))
		return nil
	}
	for _, s := range dockerfile(t) {
		if s.do != "FROM" {
			continue
		}
		if out, err := exec.Command("docker", "pull", "-q", strings.Fields(s.rest)[0]).CombinedOutput(); err != nil {
			t.Logf("docker can't get %s, so its steps are carried out without it: %v %s", s.rest, err, out)
			return nil
		}
	}
	const name = "sipscript-interop"
	build := exec.Command("docker", "build", "-q", "--build-arg", "VERSION="+imageVersion, "-f", "contrib/docker/Dockerfile", "-t", name, ".")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "-f", name).Run() })
	return func(args ...string) *exec.Cmd {
		return exec.Command("docker", append([]string{"run", "--rm", "--init=false", "--read-only", "--network", "host", name}, args...)...)
	}
}

// imageBySteps carries out the steps of the Dockerfile, and returns what makes a command within the
// image.
func imageBySteps(t *testing.T) func(args ...string) *exec.Cmd {
	t.Helper()
	if out, err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt").CombinedOutput(); err != nil || os.Getuid() != 0 {
		t.Skipf("an image can't be made here (root can, where it may mount): %v %s", err, out)
	}
	stages := map[string]*stage{}
	var last *stage
	for _, s := range dockerfile(t) {
		if s.do == "FROM" {
			last = newStage(t, s.rest)
			if f := strings.Fields(s.rest); len(f) == 3 {
				stages[f[2]] = last
			}
			continue
		}
		last.step(s, stages)
	}
	if last.user != "nonroot" {
		t.Errorf("the image is run as %q", last.user)
	}
	f, err := elf.Open(filepath.Join(last.root, last.entry))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s is not static: it has %v", last.entry, p.Type)
		}
	}
	return last.command
}

// command is one in the image: the root can't be written to, apart from the image's volume. What is
// run keeps the right to change its root, which leads it there, and no other.
func (s *stage) command(args ...string) *exec.Cmd {
	const enter = `set -eu
root=$1 volume=$2; shift 2
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --bind "$root$volume" "$root$volume"
mount -o remount,bind,ro "$root"
if setpriv --reuid=65532 --regid=65532 --clear-groups touch "$root/x" 2>/dev/null || touch "$root/x" 2>/dev/null; then echo 'the root can be written to'; exit 1; fi
exec setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs --pdeathsig=KILL --bounding-set=-all,+sys_chroot --inh-caps=-all,+sys_chroot --ambient-caps=-all,+sys_chroot chroot "$root" "$@"`
	cmd := exec.Command("unshare", append([]string{"-m", "sh", "-c", enter, "enter", s.root, s.volume, s.entry}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	return cmd
}
