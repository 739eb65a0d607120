package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math"
	"mime"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed55f1b796/nn"
)

// A model is a network, and what a request has to know of it.
type model struct {
	net     *nn.Network
	in, out int // values of a sample
	indices int // inputs are less; 0: they are any numbers
	loaded  time.Time
}

// A server is what the handlers share.
type server struct {
	config
	model   atomic.Pointer[model]
	batcher *batcher
	slots   chan struct{} // one for each request under way
	stats   stats

	loading sync.Mutex
	file    fs.FileInfo // of the last attempt to load
}

func newServer(c config) *server {
	s := &server{config: c, slots: make(chan struct{}, c.requests)}
	s.stats.Started = time.Now()
	s.stats.Requests = map[int]int{}
	s.batcher = &batcher{
		size:  c.batch,
		wait:  c.wait,
		queue: make(chan *call, c.requests),
		quit:  make(chan struct{}),
		predict: func(m *model, x *nn.Matrix) (*nn.Matrix, error) {
			s.stats.batch(x.Rows)
			return predict(m, x)
		},
	}
	return s
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /predict", s.handlePredict)
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		if err := s.reload(); err != nil {
			reply(w, http.StatusInternalServerError, failure{err.Error()})
			return
		}
		reply(w, http.StatusOK, s.describe())
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, map[string]any{
			"model":     s.describe(),
			"stats":     s.stats.report(),
			"under_way": len(s.slots),
			"waiting":   len(s.batcher.queue), // for their batch
		})
	})
	return mux
}

// reload loads the model. If that fails the old one stays.
func (s *server) reload() error {
	s.loading.Lock()
	defer s.loading.Unlock()
	s.file, _ = os.Stat(s.config.model)
	net, err := nn.LoadFile(s.config.model)
	if err != nil {
		return err
	}
	s.model.Store(&model{net, net.In().Size(), net.Out().Size(), net.Layers().Indices(), time.Now()})
	return nil
}

// watch loads the model whenever its file is another than the last time.
func (s *server) watch(ctx context.Context) {
	if s.config.watch <= 0 {
		return
	}
	ticker := time.NewTicker(s.config.watch)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.loading.Lock()
		old := s.file
		s.loading.Unlock()
		file, err := os.Stat(s.config.model)
		if err != nil || old != nil && os.SameFile(old, file) && old.ModTime().Equal(file.ModTime()) && old.Size() == file.Size() {
			continue
		}
		if err := s.reload(); err != nil {
			log.Printf("the old model stays: %v", err)
		} else {
			log.Printf("%s is loaded again", s.config.model)
		}
	}
}

func (s *server) describe() any {
	m := s.model.Load()
	return map[string]any{"file": s.config.model, "loaded": m.loaded, "input": m.net.In(), "output": m.net.Out(), "layers": m.net.String()}
}

type failure struct {
	Error string `json:"error"`
}

// An answer has the outputs for each sample and, if there are several, the class:
// which of them is the largest, and its name if the network has names.
type answer struct {
	Outputs [][]float64 `json:"outputs"`
	Classes []int       `json:"classes,omitempty"`
	Names   []string    `json:"names,omitempty"`
}

func (s *server) handlePredict(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	var status int
	var body any
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
		status, body = s.predict(w, r)
	default:
		w.Header().Set("Retry-After", "1")
		status, body = http.StatusServiceUnavailable, failure{"too many requests are under way"}
	}
	reply(w, status, body)
	s.stats.request(status, time.Since(start))
}

func (s *server) predict(w http.ResponseWriter, r *http.Request) (status int, body any) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return http.StatusUnsupportedMediaType, failure{"Content-Type must be application/json"}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.body))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge, failure{fmt.Sprintf("the request has more than %d bytes", s.body)}
	} else if err != nil {
		return http.StatusBadRequest, failure{err.Error()}
	}
	m := s.model.Load() // for all of this request
	s.batcher.coming.Add(1)
	x, err := decode(text, m, s.samples)
	s.batcher.coming.Add(-1)
	if err != nil {
		return http.StatusBadRequest, failure{err.Error()}
	}
	y, err := s.batcher.do(r.Context(), m, x)
	if errors.Is(err, errQuit) || r.Context().Err() != nil {
		return http.StatusServiceUnavailable, failure{"the request was cut off"}
	} else if err != nil {
		return http.StatusUnprocessableEntity, failure{err.Error()}
	}
	var a answer
	for i := range y.Rows {
		for _, v := range y.Row(i) {
			if math.IsNaN(v) || math.IsInf(v, 0) { // JSON has no such numbers
				return http.StatusUnprocessableEntity, failure{fmt.Sprintf("sample %d has an output of %v", i, v)}
			}
		}
		a.Outputs = append(a.Outputs, y.Row(i))
		if m.out > 1 {
			k := y.ArgMax(i)
			a.Classes = append(a.Classes, k)
			if k < len(m.net.Classes) {
				a.Names = append(a.Names, m.net.Classes[k])
			}
		}
	}
	return http.StatusOK, a
}

// decode returns the samples of a request for m, at most so many.
func decode(text []byte, m *model, most int) (*nn.Matrix, error) {
	// These come first because a list in memory is many times as long as its text, [].
	if n := bytes.Count(text, []byte("[")) - 1; n > most {
		return nil, fmt.Errorf("inputs has %d samples; it must have 1 to %d", n, most)
	}
	if n := most * max(m.in, 1); bytes.Count(text, []byte(",")) >= n {
		return nil, fmt.Errorf("inputs has more than %d values, those of %d samples", n, most)
	}
	var q struct {
		Inputs [][]float64 `json:"inputs"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return nil, fmt.Errorf(`the request is not {"inputs": [[number, …], …]}: %.200v`, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is more after the JSON object")
	}
	if bytes.Contains(text, []byte("null")) { // Decode takes it for 0
		return nil, errors.New("null is not a number")
	}
	if bytes.Count(text, []byte{'"'}) > 2 { // Decode takes the last
		return nil, errors.New("inputs occurs twice")
	}
	if n := len(q.Inputs); n < 1 || n > most {
		return nil, fmt.Errorf("inputs has %d samples; it must have 1 to %d", n, most)
	}
	x := nn.NewMatrix(len(q.Inputs), m.in)
	for i, values := range q.Inputs {
		if len(values) != m.in {
			return nil, fmt.Errorf("sample %d has %d values; the network takes %d, of shape %v", i, len(values), m.in, m.net.In())
		}
		for j, v := range values {
			if m.indices > 0 && (v < 0 || v >= float64(m.indices) || v != math.Trunc(v)) {
				return nil, fmt.Errorf("value %d of sample %d is %v; it must be an integer from 0 to %d", j, i, v, m.indices-1)
			}
		}
		copy(x.Row(i), values)
	}
	return x, nil
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // its error is that of a client that has gone
}

// stats are the figures of /stats.
type stats struct {
	mu           sync.Mutex
	Started      time.Time      `json:"started"`
	Requests     map[int]int    `json:"requests"` // to /predict, by status
	Samples      int            `json:"samples"`
	Batches      int            `json:"batches"`
	LargestBatch int            `json:"largest_batch"`
	Latency      map[string]any `json:"latency_ms"` // of the last requests answered

	times [4096]time.Duration // of the last requests
	next  int
}

func (s *stats) request(status int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Requests[status]++
	if status == http.StatusOK {
		s.times[s.next%len(s.times)] = took
		s.next++
	}
}

func (s *stats) batch(samples int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Samples += samples
	s.Batches++
	s.LargestBatch = max(s.LargestBatch, samples)
}

// report returns the figures as JSON.
func (s *stats) report() json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	times := slices.Sorted(slices.Values(s.times[:min(s.next, len(s.times))]))
	s.Latency = map[string]any{"requests": len(times)}
	for _, p := range []int{50, 90, 99} {
		if n := len(times); n > 0 {
			s.Latency[fmt.Sprintf("p%d", p)] = float64(times[(n-1)*p/100].Microseconds()) / 1000
		}
	}
	text, _ := json.Marshal(s) // numbers and times always are JSON
	return text
}
