package interop

// The steps of a Dockerfile, those that ours has.

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

type dockerStep struct{ do, rest string }

func dockerfile(t *testing.T) (list []dockerStep) {
	t.Helper()
	text, err := os.ReadFile("../../contrib/docker/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		do, rest, _ := strings.Cut(line, " ")
		list = append(list, dockerStep{do, rest})
	}
	return list
}

// stage is one of the images that a Dockerfile makes.
type stage struct {
	t             *testing.T
	root          string // a folder
	builds        bool   // this machine's programs are in it
	dir           string // WORKDIR
	user          string
	volume, entry string
}

// newStage begins with an image. Of that which builds, this machine's programs and Go take the
// place; of the distroless one, its user.
func newStage(t *testing.T, from string) *stage {
	t.Helper()
	root, err := os.MkdirTemp("", "sipscript-image") // not t.TempDir: others can't pass that
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	s := &stage{t: t, root: root, builds: strings.HasPrefix(from, "golang:"), dir: "/"}
	if s.builds {
		mod, err := os.ReadFile("../../go.mod")
		if err != nil {
			t.Fatal(err)
		}
		tag := strings.TrimPrefix(strings.Fields(from)[0], "golang:")
		if !strings.Contains(string(mod), "\ngo "+tag) {
			t.Errorf("the image has Go %s, go.mod wants another", tag)
		}
		return s
	}
	if !strings.HasPrefix(from, "gcr.io/distroless/static") {
		t.Fatalf("what is in %s?", from)
	}
	for _, name := range []string{"proc", "tmp", "etc"} {
		if err := os.Mkdir(filepath.Join(s.root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.root, "etc/passwd"), []byte("nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.root, 0o755); err != nil { // it is owned by root, and read by all
		t.Fatal(err)
	}
	return s
}

func (s *stage) step(step dockerStep, stages map[string]*stage) {
	s.t.Helper()
	switch step.do {
	case "WORKDIR":
		s.dir = step.rest
		if err := os.MkdirAll(filepath.Join(s.root, s.dir), 0o755); err != nil {
			s.t.Fatal(err)
		}
	case "COPY":
		s.copies(strings.Fields(step.rest), stages)
	case "RUN":
		s.runs(step.rest)
	case "USER":
		s.user = step.rest
	case "VOLUME":
		s.volume = step.rest
	case "ENTRYPOINT":
		var words []string
		if err := json.Unmarshal([]byte(step.rest), &words); err != nil || len(words) != 1 {
			s.t.Fatalf("%s: %v", step.rest, err)
		}
		s.entry = words[0]
	case "ARG", "CMD": // VERSION is in the environment; TestDockerfile reads the command
	default:
		s.t.Fatalf("what does %s do?", step.do)
	}
}

// runs has the machine's shell run a line, in a root in which only the programs and the caches of
// Go are this machine's.
func (s *stage) runs(line string) {
	s.t.Helper()
	const enter = `set -eu
root=$1 dir=$2 line=$3; shift 3
for name in "$@"; do
  if [ -L "/$name" ]; then ln -sfn "$(readlink "/$name")" "$root/$name"
  elif [ -d "/$name" ]; then mkdir -p "$root/$name"; mount --rbind "/$name" "$root/$name"; fi
done
exec chroot "$root" sh -c "cd $dir && $line"`
	names := strings.Fields("bin dev etc home lib lib64 proc root sbin sys tmp usr var opt")
	for _, of := range []string{"GOROOT", "GOCACHE", "GOMODCACHE"} {
		out, err := exec.Command("go", "env", of).Output()
		if err != nil {
			s.t.Fatal(err)
		}
		if name := strings.Split(strings.TrimSpace(string(out)), "/")[1]; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	cmd := exec.Command("unshare", append([]string{"-m", "sh", "-c", enter, "enter", s.root, s.dir, line}, names...)...)
	cmd.Env = append(os.Environ(), "VERSION="+imageVersion, "GOFLAGS=", "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("RUN %s: %v\n%s", line, err, tail(string(out), 40))
	}
}

// copies copies what .dockerignore leaves of the sources, or files of another stage.
func (s *stage) copies(args []string, stages map[string]*stage) {
	s.t.Helper()
	from, ignored, owner := "../..", dockerIgnored(s.t), 0
	for ; strings.HasPrefix(args[0], "--"); args = args[1:] {
		flag, value, _ := strings.Cut(args[0], "=")
		switch {
		case flag == "--from" && stages[value] != nil:
			from, ignored = stages[value].root, func(string) bool { return false }
		case flag == "--chown" && value == "nonroot:nonroot":
			owner = 65532
		default:
			s.t.Fatalf("what does %s do?", args[0])
		}
	}
	last := len(args) - 1
	to := args[last]
	if !path.IsAbs(to) {
		to = path.Join(s.dir, to)
	}
	for _, name := range args[:last] {
		source, target := filepath.Join(from, name), filepath.Join(s.root, to)
		if info, err := os.Stat(source); err != nil {
			s.t.Fatal(err)
		} else if !info.IsDir() && (last > 1 || strings.HasSuffix(args[last], "/")) {
			target = filepath.Join(target, filepath.Base(name))
		}
		if err := copyTree(source, target, owner, func(at string) bool { return ignored(path.Join(name, at)) }); err != nil {
			s.t.Fatalf("COPY %s: %v", name, err)
		}
	}
}

func copyTree(from, to string, owner int, ignored func(string) bool) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, at)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case name != "." && ignored(filepath.ToSlash(name)):
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case e.IsDir():
			err = os.MkdirAll(target, 0o700)
		case !e.Type().IsRegular():
			return nil
		default:
			var text []byte
			if text, err = os.ReadFile(at); err == nil {
				err = os.WriteFile(target, text, 0o600)
			}
		}
		if err == nil {
			err = os.Lchown(target, owner, owner)
		}
		if err == nil {
			err = os.Chmod(target, info.Mode().Perm())
		}
		return err
	})
}

// dockerIgnored reports of a path in the sources whether .dockerignore leaves it out. Names and
// **/PATTERN are known here.
func dockerIgnored(t *testing.T) func(string) bool {
	t.Helper()
	text, err := os.ReadFile("../../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			if strings.ContainsAny(strings.TrimPrefix(line, "**/"), "!/?[") {
				t.Fatalf("what does %s in .dockerignore leave out?", line)
			}
			patterns = append(patterns, line)
		}
	}
	return func(name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			base, deep := strings.CutPrefix(p, "**/")
			of := name
			if deep {
				of = path.Base(name)
			}
			ok, _ := path.Match(base, of)
			return ok
		})
	}
}
