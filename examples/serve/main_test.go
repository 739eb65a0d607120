package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed55f1b796/nn"
)

// A gate is a layer that passes its input on when its hook returns.
type gate struct{}

var hook atomic.Pointer[func(samples int)]

func (gate) Build(in nn.Shape, _ *rand.Rand) (nn.Shape, error) { return in, nil }
func (gate) Backward(_ *nn.Pass, dy *nn.Matrix) *nn.Matrix     { return dy }
func (gate) Params() []*nn.Param                               { return nil }
func (gate) Forward(_ *nn.Pass, x *nn.Matrix) *nn.Matrix {
	if h := hook.Load(); h != nil {
		(*h)(x.Rows)
	}
	return x
}

func TestMain(m *testing.M) {
	nn.Register("test.gate", func() nn.Layer { return gate{} })
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

func network(seed uint64, in, out int) *nn.Network {
	return nn.New(rand.NewPCG(seed, 2), nn.Input(in), gate{}, nn.Dense(16), nn.Tanh, nn.Dense(out), nn.Softmax())
}

func save(t *testing.T, brick *nn.Network, file string) {
	t.Helper()
	if err := brick.SaveFile(file); err != nil {
		t.Fatal(err)
	}
}

// start runs a server with the network until the test ends, or stop is called,
// which returns what run does.
func start(t *testing.T, brick *nn.Network, change func(*config)) (url string, c config, stop func() error) {
	t.Helper()
	before := runtime.NumGoroutine()
	c = config{model: filepath.Join(t.TempDir(), "model"), addr: "127.0.0.1:0", batch: 64, workers: 1, wait: time.Millisecond,
		requests: 256, samples: 8, body: 1 << 16, timeout: time.Minute, grace: time.Minute}
	if change != nil {
		change(&c)
	}
	save(t, brick, c.model)
	ctx, cancel := context.WithCancel(context.Background())
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- run(ctx, c, func(a net.Addr) { address <- a.String() }) }()
	select {
	case a := <-address:
		url = "http://" + a
	case err := <-ended:
		t.Fatal(err)
	}
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		hook.Store(nil)
		http.DefaultClient.CloseIdleConnections() // Shutdown gives a new one 5 s to be used
		if err := stop(); err != nil {
			t.Error(err)
		}
		eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	})
	return url, c, stop
}

// eventually waits until ok returns true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after 30 s", what)
		}
	}
}

// post returns the status of a request and its answer.
func post(url, kind, body string) (status int, header http.Header, text string, err error) {
	r, err := http.Post(url, kind, strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return r.StatusCode, r.Header, string(b), err
}

// ask sends the samples and compares the answer with want, bit for bit.
func ask(url string, x, want *nn.Matrix) error {
	rows := make([][]float64, x.Rows)
	for i := range rows {
		rows[i] = x.Row(i)
	}
	body, err := json.Marshal(map[string]any{"inputs": rows})
	if err != nil {
		return err
	}
	status, _, text, err := post(url+"/predict", "application/json; charset=utf-8", string(body))
	if err != nil {
		return err
	}
	var a answer
	if err := json.Unmarshal([]byte(text), &a); err != nil || status != 200 {
		return fmt.Errorf("%d %s", status, text)
	}
	if len(a.Outputs) != x.Rows || len(a.Classes) != x.Rows {
		return fmt.Errorf("%d outputs and %d classes for %d samples", len(a.Outputs), len(a.Classes), x.Rows)
	}
	for i, row := range a.Outputs {
		if a.Classes[i] != want.ArgMax(i) || len(row) != want.Cols {
			return fmt.Errorf("sample %d: class %d of %d, want %d of %d", i, a.Classes[i], len(row), want.ArgMax(i), want.Cols)
		}
		for j, v := range row {
			if math.Float64bits(v) != math.Float64bits(want.At(i, j)) {
				return fmt.Errorf("output %d of sample %d is %v, want %v", j, i, v, want.At(i, j))
			}
		}
	}
	return nil
}

func getStats(t *testing.T, url string) (s struct {
	Stats struct {
		Requests map[string]int
		Samples  int
		Batches  int
		Largest  int                `json:"largest_batch"`
		Latency  map[string]float64 `json:"latency_ms"`
	}
	Model    struct{ Input, Output []int }
	UnderWay int `json:"under_way"`
	Waiting  int
}) {
	t.Helper()
	r, err := http.Get(url + "/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// hold lets requests into the gate, where they stay until open is called. Each
// sends the number of its samples.
func hold(t *testing.T) (entered <-chan int, open func()) {
	in, gone := make(chan int, 100), make(chan struct{})
	f := func(samples int) {
		in <- samples
		<-gone
	}
	hook.Store(&f)
	open = sync.OnceFunc(func() { close(gone) })
	t.Cleanup(open) // before the server is stopped
	return in, open
}

// Many clients at once get the bits of Predict, however their samples are batched.
func TestConcurrent(t *testing.T) {
	for _, batch := range []int{1, 5, 64} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			brick := network(1, 6, 4)
			url, _, _ := start(t, brick, func(c *config) { c.batch, c.workers = batch, 2 })
			const clients, requests = 8, 10
			var wg sync.WaitGroup
			for k := range clients {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(k), 3))
					for range requests {
						x := nn.NewMatrix(1+rng.IntN(8), 6).FillNormal(rng, 0, 3)
						if err := ask(url, x, brick.Predict(x)); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			s := getStats(t, url).Stats
			if s.Requests["200"] != clients*requests || s.Batches > clients*requests || s.Largest > max(batch, 8) {
				t.Errorf("stats: %+v", s)
			}
			if l := s.Latency; !(l["p50"] > 0 && l["p50"] <= l["p90"] && l["p90"] <= l["p99"] && l["requests"] == clients*requests) {
				t.Errorf("latencies: %v", l)
			}
		})
	}
}

// What queues up while a batch is predicted is the next batch. A wait of an hour
// shows that nobody waits for requests that are not coming.
func TestGather(t *testing.T) {
	brick := network(1, 3, 2)
	url, _, _ := start(t, brick, func(c *config) { c.wait = time.Hour })
	x := nn.NewMatrix(2, 3, 1, 2, 3, 4, 5, 6)
	want := brick.Predict(x)
	entered, open := hold(t)
	var wg sync.WaitGroup
	send := func() {
		wg.Go(func() {
			if err := ask(url, x, want); err != nil {
				t.Error(err)
			}
		})
	}
	send()
	if n := <-entered; n != 2 {
		t.Errorf("the first batch has %d samples, want 2", n)
	}
	for range 5 {
		send()
	}
	eventually(t, "5 requests wait", func() bool { return getStats(t, url).Waiting == 5 })
	open()
	wg.Wait()
	if n := <-entered; n != 10 {
		t.Errorf("the second batch has %d samples, want 10", n)
	}
	if s := getStats(t, url).Stats; s.Batches != 2 || s.Largest != 10 || s.Samples != 12 {
		t.Errorf("stats: %+v", s)
	}
}

// A batch waits for requests that are coming, until it is full or late.
func TestWait(t *testing.T) {
	for _, c := range []struct {
		wait   time.Duration
		calls  int
		coming int32
		want   int // samples of the first batch
	}{
		{time.Hour, 3, 1, 3},
		{time.Hour, 1, 0, 1},
		{0, 1, 1, 1},
	} {
		var sizes []int
		b := &batcher{size: 3, wait: c.wait, queue: make(chan *call, 9), quit: make(chan struct{}),
			predict: func(_ *model, x *nn.Matrix) (*nn.Matrix, error) {
				sizes = append(sizes, x.Rows)
				return x, nil
			}}
		b.coming.Store(c.coming)
		var calls, ended sync.WaitGroup
		ended.Go(b.run)
		for range c.calls {
			calls.Go(func() {
				if _, err := b.do(t.Context(), nil, nn.NewMatrix(1, 1)); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		close(b.quit)
		ended.Wait()
		if len(sizes) != 1 || sizes[0] != c.want {
			t.Errorf("wait %v, %d calls: batches of %v, want one of %d", c.wait, c.calls, sizes, c.want)
		}
	}
}

// A request that fails does not take others of its batch with it, nor does one
// whose client has gone.
func TestFailInBatch(t *testing.T) {
	b := &batcher{size: 9, predict: func(_ *model, x *nn.Matrix) (*nn.Matrix, error) {
		for _, v := range x.Data {
			if v < 0 {
				return nil, fmt.Errorf("%v is negative", v)
			}
		}
		return x, nil
	}}
	gone, leave := context.WithCancel(t.Context())
	leave()
	var batch []*call
	for _, v := range []float64{1, -2, 3, 4} {
		batch = append(batch, &call{ctx: t.Context(), x: nn.NewMatrix(1, 1, v), done: make(chan struct{})})
	}
	batch[3].ctx = gone
	b.answer(batch)
	for i, c := range batch[:3] {
		<-c.done
		if bad := i == 1; (c.err != nil) != bad || !bad && c.y.At(0, 0) != c.x.At(0, 0) {
			t.Errorf("call %d: %v, %v", i, c.y, c.err)
		}
	}
}

func TestErrors(t *testing.T) {
	url, _, _ := start(t, network(1, 2, 2), func(c *config) { c.body = 400 })
	for _, c := range []struct {
		kind, body string
		status     int
		want       string
	}{
		{"application/json", `{"inputs": [[1, 2]]}`, 200, `{"outputs":[[`},
		{"application/json", " {\"inputs\": [[1, 2e-3],\n[-0, 5]]}\n", 200, `{"outputs":[[`},
		{"", `{"inputs": [[1, 2]]}`, 415, "Content-Type must be application/json"},
		{"text/plain", `{"inputs": [[1, 2]]}`, 415, "Content-Type must be application/json"},
		{"application/json", ``, 400, "the request is not"},
		{"application/json", `[[1, 2]]`, 400, "the request is not"},
		{"application/json", `{"inputs": [1, 2]}`, 400, "the request is not"},
		{"application/json", `{"inputs": [["1", 2]]}`, 400, "the request is not"},
		{"application/json", `{"inputs": [[NaN, 2]]}`, 400, "the request is not"},
		{"application/json", `{"inputs": [[1e999, 2]]}`, 400, "the request is not"},
		{"application/json", `{"inputs": [[1, 2]]`, 400, "the request is not"},
		{"application/json", `{"input": [[1, 2]]}`, 400, `unknown field \"input\"`},
		{"application/json", `{"inputs": [[1, 2]], "x": 1}`, 400, `unknown field \"x\"`},
		{"application/json", `{"inputs": [[1, 2]]} {}`, 400, "there is more after the JSON object"},
		{"application/json", `{"inputs": [[1, null]]}`, 400, "null is not a number"},
		{"application/json", `{"inputs": [[1, 2], null]}`, 400, "null is not a number"},
		{"application/json", `{}`, 400, "inputs has 0 samples; it must have 1 to 8"},
		{"application/json", `{"inputs": []}`, 400, "inputs has 0 samples; it must have 1 to 8"},
		{"application/json", `{"inputs": [` + strings.Repeat("[1, 2],", 8) + `[1, 2]]}`, 400, "inputs has 9 samples; it must have 1 to 8"},
		{"application/json", `{"inputs": [[1, 2], [1]]}`, 400, "sample 1 has 1 values; the network takes 2, of shape (2)"},
		{"application/json", `{"inputs": [[1, 2, 3]]}`, 400, "sample 0 has 3 values; the network takes 2, of shape (2)"},
		{"application/json", `{"inputs": [` + strings.Repeat("[", 40), 400, "inputs has 40 samples; it must have 1 to 8"},
		{"application/json", `{"inputs": [[` + strings.Repeat("1,", 16) + `1]]}`, 400, "inputs has more than 16 values"},
		{"application/json", `{"inputs": [[1, 2]], "inputs": [[3, 4]]}`, 400, "inputs occurs twice"},
		{"application/json", `{"inputs": [[1, 2]], "Inputs": [[3, 4]]}`, 400, "inputs occurs twice"},
		{"application/json", `{"inputs": [[` + strings.Repeat("1", 380) + `]]}`, 400, strings.Repeat("1", 100) + `"}`},
		{"application/json", `{"inputs": [[1, 2` + strings.Repeat(" ", 400) + `]]}`, 413, "the request has more than 400 bytes"},
	} {
		status, header, text, err := post(url+"/predict", c.kind, c.body)
		if err != nil || status != c.status || !strings.Contains(text, c.want) || header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s (%v), want %d %s", c.body, status, text, err, c.status, c.want)
		}
		if status != 200 && !strings.HasPrefix(text, `{"error":"`) {
			t.Errorf("%s: %s is no error", c.body, text)
		}
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/predict", 405}, {"PUT", "/predict", 405}, {"GET", "/reload", 405}, {"POST", "/stats", 405},
		{"GET", "/", 404}, {"GET", "/healthz", 200}, {"GET", "/stats", 200},
	} {
		r, err := http.NewRequest(c.method, url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if a.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, a.StatusCode, c.status)
		}
	}
}

// What a request takes is in proportion to its length, whatever it has in it.
func TestMemory(t *testing.T) {
	m := &model{net: network(1, 2, 2), in: 2, out: 2}
	for _, item := range []string{"[],", "[0],", "[[],[]],", "[[[[", "[0,0],", "0,"} {
		for _, begin := range []string{`{"inputs":[`, `{"inputs":[[`, `{"x":[`} {
			text := []byte(begin + strings.Repeat(item, 1<<20/len(item)))
			for _, end := range []string{"", "]}", "]]}", "0]]}", "[0,0]]}"} {
				text := append(text, end...)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := decode(text, m, 256)
				runtime.ReadMemStats(&after)
				if n := after.TotalAlloc - before.TotalAlloc; err == nil || n > 5*uint64(len(text)) {
					t.Errorf("%s%s…%s: %d bytes for %d, error %v", begin, item, end, n, len(text), err)
				}
			}
		}
	}
}

// Inputs and outputs that the network or JSON can't take.
func TestValues(t *testing.T) {
	words := nn.New(nil, nn.Input(2), nn.Embedding(5, 3), nn.Flatten(), nn.Dense(1))
	url, _, _ := start(t, words, nil)
	for body, want := range map[string]string{
		"[0, 4]":   `200 {"outputs":[[`,
		"[0, 5]":   "400 value 1 of sample 0 is 5; it must be an integer from 0 to 4",
		"[0.5, 0]": "400 value 0 of sample 0 is 0.5; it must be an integer from 0 to 4",
		"[-1, 0]":  "400 value 0 of sample 0 is -1; it must be an integer from 0 to 4",
	} {
		status, _, text, err := post(url+"/predict", "application/json", `{"inputs": [`+body+`]}`)
		if got := fmt.Sprint(status, " ", text); err != nil || !strings.HasPrefix(strings.Replace(got, `{"error":"`, "", 1), want) {
			t.Errorf("%s: %s (%v), want %s", body, got, err, want)
		}
	}
	if status, _, text, _ := post(url+"/predict", "application/json", `{"inputs": [[1, 2]]}`); status != 200 || strings.Contains(text, "classes") {
		t.Errorf("one output: %d %s, want no classes", status, text)
	}

	named := nn.New(nil, nn.Input(2), nn.Dense(3).WithInit(nn.Constant(0)), nn.Softmax())
	named.Classes = []string{"setosa", "versicolor", "virginica"}
	url, _, _ = start(t, named, nil)
	if status, _, text, _ := post(url+"/predict", "application/json", `{"inputs": [[1, 2], [3, 4]]}`); status != 200 || !strings.Contains(text, `"names":["setosa","setosa"]`) {
		t.Errorf("named classes: %d %s", status, text)
	}

	url, _, _ = start(t, nn.New(nil, nn.Input(1), nn.Dense(1).WithInit(nn.Constant(1e300)), nn.ReLU), nil)
	if status, _, text, _ := post(url+"/predict", "application/json", `{"inputs": [[1e300]]}`); status != 422 || !strings.Contains(text, "sample 0 has an output of +Inf") {
		t.Errorf("an infinite output: %d %s", status, text)
	}
	if _, err := predict(&model{net: words}, nn.NewMatrix(1, 2, 0, 7)); err == nil {
		t.Error("a network that panics gives no error")
	}
}

// More requests than there is room for are told to come again.
func TestOverload(t *testing.T) {
	for _, batch := range []int{1, 64} {
		brick := network(1, 2, 2)
		url, _, _ := start(t, brick, func(c *config) { c.requests, c.batch = 2, batch })
		x := nn.NewMatrix(1, 2, 1, 2)
		want := brick.Predict(x)
		_, open := hold(t)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if err := ask(url, x, want); err != nil {
					t.Error(err)
				}
			})
		}
		eventually(t, "2 requests are under way", func() bool { return getStats(t, url).UnderWay == 2 })
		status, header, text, err := post(url+"/predict", "application/json", `{"inputs": [[1, 2]]}`)
		if err != nil || status != 503 || header.Get("Retry-After") != "1" {
			t.Errorf("the third request: %d %s (%v), want 503", status, text, err)
		}
		open()
		wg.Wait()
		if err := ask(url, x, want); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// A request is answered by the model that there was when it came. A file that is
// no network leaves the model in place.
func TestReload(t *testing.T) {
	first, second := network(1, 2, 3), network(2, 5, 2)
	url, c, _ := start(t, first, nil)
	x, z := nn.NewMatrix(1, 2, 1, 2), nn.NewMatrix(1, 5, 1, 2, 3, 4, 5)
	wantFirst, wantSecond := first.Predict(x), second.Predict(z)
	entered, open := hold(t)
	var wg sync.WaitGroup
	send := func(x, want *nn.Matrix) {
		wg.Go(func() {
			if err := ask(url, x, want); err != nil {
				t.Error(err)
			}
		})
	}
	send(x, wantFirst)
	<-entered
	send(x, wantFirst)
	eventually(t, "one waits", func() bool { return getStats(t, url).Waiting == 1 })
	save(t, second, c.model)
	if status, _, text, err := post(url+"/reload", "", ""); err != nil || status != 200 {
		t.Fatalf("reload: %d %s (%v)", status, text, err)
	}
	send(z, wantSecond)
	eventually(t, "two wait", func() bool { return getStats(t, url).Waiting == 2 })
	open()
	wg.Wait()

	if err := os.WriteFile(c.model, []byte("no network"), 0o666); err != nil {
		t.Fatal(err)
	}
	status, _, text, err := post(url+"/reload", "", "")
	if err != nil || status != 500 || !strings.Contains(text, c.model) {
		t.Errorf("reload of a broken file: %d %s (%v)", status, text, err)
	}
	if err := ask(url, z, wantSecond); err != nil {
		t.Errorf("after a broken file: %v", err)
	}
	if m := getStats(t, url).Model; fmt.Sprint(m.Input, m.Output) != "[5] [2]" {
		t.Errorf("model: %+v", m)
	}
}

// The server notices a new file by itself, while clients go on asking.
func TestWatch(t *testing.T) {
	first, second := network(1, 2, 3), network(2, 2, 3)
	url, c, _ := start(t, first, func(c *config) { c.watch = time.Millisecond })
	x := nn.NewMatrix(1, 2, 1, 2)
	a, b := first.Predict(x), second.Predict(x)
	if err := os.WriteFile(c.model, []byte("no network"), 0o666); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for changed := false; !changed; {
				if err := ask(url, x, a); err == nil {
					continue
				}
				changed = true
				if err := ask(url, x, b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	save(t, second, c.model)
	wg.Wait()
}

// A server that is told to end takes no more connections, and answers the
// requests under way.
func TestShutdown(t *testing.T) {
	brick := network(1, 2, 2)
	url, _, stop := start(t, brick, nil)
	x := nn.NewMatrix(1, 2, 1, 2)
	want := brick.Predict(x)
	entered, open := hold(t)
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			if err := ask(url, x, want); err != nil {
				t.Error(err)
			}
		})
		if i == 0 {
			<-entered
		}
	}
	eventually(t, "two wait", func() bool { return getStats(t, url).Waiting == 2 })
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	eventually(t, "no connection is accepted", func() bool {
		r, err := client.Get(url + "/healthz")
		if err == nil {
			r.Body.Close()
		}
		return err != nil
	})
	select {
	case err := <-ended:
		t.Errorf("the server ended before its requests were answered (%v)", err)
	default:
	}
	open()
	wg.Wait()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Requests that take too long are cut off in the end.
func TestShutdownBound(t *testing.T) {
	brick := network(1, 2, 2)
	before := runtime.NumGoroutine()
	c := config{model: filepath.Join(t.TempDir(), "model"), addr: "127.0.0.1:0", batch: 64, workers: 1, requests: 9, samples: 1, body: 999, timeout: time.Minute, grace: time.Millisecond}
	save(t, brick, c.model)
	x := nn.NewMatrix(1, 2, 1, 2)
	want := brick.Predict(x)
	entered, open := hold(t)
	defer hook.Store(nil)
	ctx, cancel := context.WithCancel(t.Context())
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- run(ctx, c, func(a net.Addr) { address <- a.String() }) }()
	url := "http://" + <-address
	failed := make(chan error, 2)
	go func() { failed <- ask(url, x, want) }()
	<-entered
	go func() { failed <- ask(url, x, want) }()
	eventually(t, "one waits", func() bool { return getStats(t, url).Waiting == 1 })
	cancel()
	for range 2 {
		if err := <-failed; err == nil {
			t.Error("a request was answered")
		}
	}
	open() // the batch under way can't be broken off
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "unanswered") {
		t.Errorf("run: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestRunErrors(t *testing.T) {
	good := config{model: filepath.Join(t.TempDir(), "model"), addr: "127.0.0.1:0", batch: 1, workers: 1, requests: 1, samples: 1, body: 1}
	save(t, network(1, 2, 2), good.model)
	for name, change := range map[string]func(*config){
		"no file":    func(c *config) { c.model += "x" },
		"no network": func(c *config) { c.model = "main.go" },
		"no address": func(c *config) { c.addr = "127.0.0.1:-1" },
		"no batch":   func(c *config) { c.batch = 0 },
		"no workers": func(c *config) { c.workers = 0 },
		"no body":    func(c *config) { c.body = 0 },
	} {
		c := good
		change(&c)
		if err := run(t.Context(), c, func(net.Addr) {}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
