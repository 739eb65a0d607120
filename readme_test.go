package nn

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// goCommand returns the go command, or skips the test if there is none.
func goCommand(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the go command")
	}
	name, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no go command")
	}
	return name
}

// Every Go snippet of the README compiles in a module of its own, as a user
// would have it, and the first prints what the README says.
func TestREADME(t *testing.T) {
	goTool := goCommand(t)
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.com/user\n\ngo 1.26\n\nrequire github.com/seed55f1b796/nn v0.0.0\n\nreplace github.com/seed55f1b796/nn => "+filepath.ToSlash(here)+"\n")
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```\n(\n    .*?\n\n)?").FindAllStringSubmatch(string(text), -1)
	if len(snippets) < 5 {
		t.Fatalf("the README has %d snippets of Go", len(snippets))
	}
	for i, s := range snippets {
		write(fmt.Sprintf("snippet%d/main.go", i), program(s[1]))
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(goTool, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "GOOS=", "GOARCH=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("vet", "./...")

	want := strings.TrimSpace(strings.ReplaceAll(snippets[0][2], "\n    ", "\n"))
	if got := strings.TrimSpace(run("run", "./snippet0")); got != want {
		t.Errorf("the first program prints\n%s\nwant\n%s", got, want)
	}
	example, err := os.ReadFile("examples/xor/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if _, body, _ := strings.Cut(string(example), "package main"); "package main"+body != snippets[0][1] {
		t.Error("the first program is not examples/xor/main.go")
	}
}

// program returns a snippet as a program: as it is, or with what it takes for
// granted around it.
func program(snippet string) string {
	if strings.HasPrefix(snippet, "package ") {
		return snippet
	}
	imports := `"github.com/seed55f1b796/nn"` + "\n"
	for _, path := range []string{"bytes", "context", "encoding/json", "errors", "fmt", "log", "math/rand/v2", "os", "slices"} {
		name := strings.TrimSuffix(path, "/v2")
		name = name[strings.LastIndex(name, "/")+1:]
		if name == "context" || strings.Contains(snippet, name+".") {
			imports += fmt.Sprintf("%q\n", path)
		}
	}
	return "package main\n\nimport (\n" + imports + `)

var (
	net                *nn.Network
	trainer            nn.Trainer
	train, valid, test nn.Dataset
	ctx                context.Context
)

func main() {
` + snippet + "}\n"
}
