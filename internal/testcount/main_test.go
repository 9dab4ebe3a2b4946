package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	in := strings.Join([]string{
		`{"Action":"start","Package":"a"}`,
		`{"Action":"output","Package":"a","Output":"-test.shuffle 42\n"}`,
		`{"Action":"output","Package":"a","Test":"TestGood","Output":"noise of a test that passes\n"}`,
		`{"Action":"pass","Package":"a","Test":"TestGood","Elapsed":1.5}`,
		`{"Action":"output","Package":"a","Test":"TestBad","Output":"    a_test.go:3: wrong\n"}`,
		`{"Action":"fail","Package":"a","Test":"TestBad","Elapsed":0.1}`,
		`{"Action":"output","Package":"a","Test":"TestSkipped","Output":"    a_test.go:9: no sipp here\n"}`,
		`{"Action":"output","Package":"a","Test":"TestSkipped","Output":"--- SKIP: TestSkipped (0.00s)\n"}`,
		`{"Action":"skip","Package":"a","Test":"TestSkipped","Elapsed":0}`,
		`{"Action":"output","Package":"a","Output":"FAIL\n"}`,
		`{"Action":"fail","Package":"a","Elapsed":0.5}`,
		`{"ImportPath":"b","Action":"build-output","Output":"b.go:1: does not compile\n"}`,
		`{"ImportPath":"b","Action":"build-fail"}`,
		`{"Action":"fail","Package":"b","Elapsed":0,"FailedBuild":"b"}`,
		`{"Action":"skip","Package":"c","Elapsed":0}`,
		`go: downloading something`,
	}, "\n")
	var out bytes.Buffer
	r, err := read(strings.NewReader(in), &out)
	if err != nil || r.counts != (counts{1, 2, 1}) {
		t.Errorf("%v %v", r.counts, err)
	}
	for _, part := range []string{"seed\ta\t-test.shuffle 42", "a_test.go:3: wrong", "no sipp here", "does not compile", "FAIL\ta", "FAIL\tb", "go: downloading"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in:\n%s", part, out.String())
		}
	}
	if r.printSlow(); !strings.HasSuffix(out.String(), "slow\t1.5s\ta\tTestGood\n") || strings.Contains(out.String(), "0.1s\ta\tTestBad") {
		t.Errorf("what took long:\n%s", out.String())
	}
	if strings.Contains(out.String(), "noise") {
		t.Errorf("output of a test that passed:\n%s", out.String())
	}
}

func TestSum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counts")
	for _, c := range []counts{{1, 2, 3}, {10, 0, 0}} {
		if err := appendCounts(path, c); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if code := printSum(path, &out); code != 0 || out.String() != "11 passed, 2 failed, 3 skipped\n" {
		t.Errorf("%d %q", code, out.String())
	}
}

func TestSecondRun(t *testing.T) {
	fail := func(names ...string) (lines []string) {
		for _, name := range names {
			lines = append(lines, `{"Action":"fail","Package":"a","Test":"`+name+`"}`)
		}
		return append(lines, `{"Action":"fail","Package":"a"}`)
	}
	passes := `echo {"Action":"pass","Package":"a","Test":"TestA"}`
	for _, row := range []struct {
		name    string
		first   []string
		command string
		want    counts
	}{
		{"passes", fail("TestA"), passes, counts{1, 0, 0}},
		{"with its rows", fail("TestA/row", "TestA"), passes, counts{2, 0, 0}},
		{"fails again", fail("TestA"), `echo {"Action":"fail","Package":"a","Test":"TestA"}`, counts{0, 1, 0}},
		{"runs nothing", fail("TestA"), "true", counts{0, 1, 0}},
		{"too many", fail("TestA", "TestB", "TestC", "TestD"), passes, counts{0, 4, 0}},
		{"a race", append([]string{`{"Action":"output","Package":"a","Test":"TestA","Output":"WARNING: DATA RACE\n"}`}, fail("TestA")...), passes, counts{0, 1, 0}},
		{"a panic", append([]string{`{"Action":"output","Package":"a","Test":"TestA","Output":"panic: no\n"}`}, fail("TestA")...), passes, counts{0, 1, 0}},
		{"ended without a test", fail(), passes, counts{0, 1, 0}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out bytes.Buffer
			r, err := read(strings.NewReader(strings.Join(row.first, "\n")), &out)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.second([]string{"sh", "-c", row.command[:4] + " '" + strings.TrimSpace(row.command[4:]) + "'"}); err != nil {
				t.Fatal(err)
			}
			if r.counts != row.want {
				t.Errorf("%v, want %v\n%s", r.counts, row.want, out.String())
			}
		})
	}
}

// What a test said that never ended is printed with its package's end.
func TestUnfinished(t *testing.T) {
	in := strings.Join([]string{
		`{"Action":"output","Package":"a","Test":"TestGood","Output":"noise\n"}`,
		`{"Action":"pass","Package":"a","Test":"TestGood"}`,
		`{"Action":"output","Package":"a","Test":"TestHangs","Output":"panic: test timed out\n"}`,
		`{"Action":"fail","Package":"a"}`,
	}, "\n")
	var out bytes.Buffer
	r, err := read(strings.NewReader(in), &out)
	if err != nil || r.counts != (counts{1, 1, 0}) || !strings.Contains(out.String(), "timed out") || strings.Contains(out.String(), "noise") {
		t.Errorf("%v %v\n%s", r.counts, err, out.String())
	}
}
