package spec

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// This file writes how tests went for programs: JUnit's XML, and JSON.

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`

	seconds float64
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Out     *junitText    `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",cdata"`
}

type junitText struct {
	Text string `xml:",cdata"`
}

// inXML is a text without the characters that XML cannot have (XML 1.0 §2.2).
func inXML(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// WriteJUnit writes the results as JUnit's XML, a suite for each file. A failure has the messages
// that were sent; times are virtual. A file that could not be run is a failed test.
func WriteJUnit(w io.Writer, s Summary) error {
	all := junitSuites{Tests: len(s.Results), Failures: s.Failed}
	for i := range s.Results {
		r := &s.Results[i]
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != r.File {
			all.Suites = append(all.Suites, junitSuite{Name: r.File})
		}
		suite := &all.Suites[len(all.Suites)-1]
		c := junitCase{Name: r.Name, Class: strings.TrimSuffix(r.File, ".lua"), File: r.File, Time: fmt.Sprintf("%.3f", r.Took.Seconds())}
		if c.Name == "" {
			c.Name = "(the file)"
		}
		if r.Log != "" {
			c.Out = &junitText{inXML(r.Log)}
		}
		if !r.Passed {
			suite.Failures++
			message, _, _ := strings.Cut(r.Failure, "\n")
			text := r.Failure
			if r.Ladder != "" {
				text += "\n\n" + r.Ladder
			}
			c.Failure = &junitFailure{Message: inXML(message), Text: inXML(text)}
		}
		suite.Tests++
		suite.seconds += r.Took.Seconds()
		suite.Time = fmt.Sprintf("%.3f", suite.seconds)
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

type jsonRun struct {
	Passed   int        `json:"passed"`
	Failed   int        `json:"failed"`
	Seed     uint64     `json:"seed"`
	Tests    []jsonTest `json:"tests"`
	Coverage []jsonFile `json:"coverage,omitempty"`
}

type jsonTest struct {
	File    string  `json:"file"`
	Name    string  `json:"name"`
	Passed  bool    `json:"passed"`
	Seconds float64 `json:"seconds"` // virtual
	Failure string  `json:"failure,omitempty"`
	Ladder  string  `json:"ladder,omitempty"`
	Log     string  `json:"log,omitempty"`
}

type jsonFile struct {
	File            string         `json:"file"`
	LinePercent     float64        `json:"line_percent"`
	DecisionPercent float64        `json:"decision_percent"`
	Lines           []jsonLine     `json:"lines"`
	Decisions       []jsonDecision `json:"decisions"`
}

type jsonLine struct {
	Line int    `json:"line"`
	Hits uint64 `json:"hits"`
}

type jsonDecision struct {
	Line  int    `json:"line"`
	Kind  string `json:"kind"`
	True  uint64 `json:"true"`
	False uint64 `json:"false"`
}

// WriteJSON writes the results, and the coverage if it was counted, as one JSON object on a line of
// its own. The ladders and logs of tests that passed are left out unless verbose.
func WriteJSON(w io.Writer, s Summary, verbose bool) error {
	run := jsonRun{Passed: s.Passed, Failed: s.Failed, Seed: s.Seed, Tests: []jsonTest{}}
	for i := range s.Results {
		r := &s.Results[i]
		t := jsonTest{File: r.File, Name: r.Name, Passed: r.Passed, Seconds: r.Took.Seconds(), Failure: r.Failure}
		if !r.Passed || verbose {
			t.Ladder, t.Log = r.Ladder, r.Log
		}
		if verbose {
			t.Log = r.FullLog
		}
		run.Tests = append(run.Tests, t)
	}
	for i := range s.Coverage {
		f := &s.Coverage[i]
		lines, decisions := shares(f)
		c := jsonFile{File: f.Name, LinePercent: lines.percent(), DecisionPercent: decisions.percent(), Lines: []jsonLine{}, Decisions: []jsonDecision{}}
		for _, l := range f.Lines {
			c.Lines = append(c.Lines, jsonLine(l))
		}
		for _, d := range f.Decisions {
			c.Decisions = append(c.Decisions, jsonDecision(d))
		}
		run.Coverage = append(run.Coverage, c)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(run)
}
