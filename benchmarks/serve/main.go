// Serve measures examples/serve under load, with batching and without: requests
// a second and latencies, as clients on the same machine see them.
//
//	go run ./serve
//	go run ./serve -in 64 -hidden 1024
//
// Each client sends a request, waits for the answer, and sends the next. The two
// servers, processes of their own, take turns; the table has the medians of the
// rounds. The network is in-hidden-hidden-10, untrained.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed55f1b796/nn"
)

// A result is one server under the load of some clients for one round.
type result struct{ rate, p50, p99 float64 } // requests/s, ms

func main() {
	in := flag.Int("in", 784, "inputs of the network")
	hidden := flag.Int("hidden", 128, "units of its two hidden layers")
	samples := flag.Int("samples", 1, "samples of a request")
	rounds := flag.Int("rounds", 5, "rounds")
	length := flag.Duration("time", time.Second, "length of a round of one server")
	flag.Parse()
	log.SetFlags(0)
	if err := compare(*in, *hidden, *samples, *rounds, *length); err != nil {
		log.Fatal(err)
	}
}

func compare(in, hidden, samples, rounds int, length time.Duration) error {
	dir, err := os.MkdirTemp("", "serve")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, model := filepath.Join(dir, "serve"), filepath.Join(dir, "model.safetensors")
	build := exec.Command("go", "build", "-o", binary, "github.com/seed55f1b796/nn/examples/serve")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	net := nn.New(rand.NewPCG(1, 2), nn.Input(in), nn.Dense(hidden), nn.ReLU, nn.Dense(hidden), nn.ReLU, nn.Dense(10), nn.Softmax())
	if err := net.SaveFile(model); err != nil {
		return err
	}
	x := make([][]float64, samples)
	for i := range x {
		for range in {
			x[i] = append(x[i], float64(rng.IntN(256))/256)
		}
	}
	body, err := json.Marshal(map[string]any{"inputs": x})
	if err != nil {
		return err
	}

	sizes := []string{"64", "1"}
	urls := make([]string, len(sizes))
	for i, size := range sizes {
		url, stop, err := start(binary, "-model", model, "-addr", "127.0.0.1:0", "-batch", size)
		if err != nil {
			return err
		}
		defer stop()
		urls[i] = url + "/predict"
	}
	fmt.Printf("%d-%d-%d-10, %d samples and %d bytes in a request, median of %d rounds\n\n", in, hidden, hidden, samples, len(body), rounds)
	fmt.Println("clients  batching  requests/s  p50 ms  p99 ms")
	for _, clients := range []int{1, 4, 16, 64} {
		results := make([][]result, len(urls))
		for i := range rounds + 1 {
			for k, url := range urls {
				r, err := load(url, body, clients, length)
				if err != nil {
					return err
				}
				if i > 0 { // the first round is to warm up
					results[k] = append(results[k], r)
				}
			}
		}
		for k, batching := range []string{"yes", "no"} {
			median := func(of func(result) float64) float64 {
				var v []float64
				for _, r := range results[k] {
					v = append(v, of(r))
				}
				slices.Sort(v)
				return v[len(v)/2]
			}
			fmt.Printf("%7d  %8s  %10.0f  %6.2f  %6.2f\n", clients, batching, median(func(r result) float64 { return r.rate }),
				median(func(r result) float64 { return r.p50 }), median(func(r result) float64 { return r.p99 }))
		}
	}
	return nil
}

// start runs a server, and returns its address when it listens.
func start(binary string, args ...string) (url string, stop func(), err error) {
	server := exec.Command(binary, args...)
	out, err := server.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		server.Process.Signal(os.Interrupt)
		server.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if url = regexp.MustCompile(`http://\S+`).FindString(line); url == "" {
		stop()
		return "", nil, fmt.Errorf("%s: %q (%v)", binary, line, err)
	}
	return url, stop, nil
}

// load has clients send requests until the time is over.
func load(url string, body []byte, clients int, length time.Duration) (result, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: time.Minute}
	var over atomic.Bool
	var failed atomic.Pointer[error]
	times := make([][]time.Duration, clients)
	var wg sync.WaitGroup
	begin := time.Now()
	time.AfterFunc(length, func() { over.Store(true) })
	for k := range clients {
		wg.Go(func() {
			for !over.Load() {
				start := time.Now()
				r, err := client.Post(url, "application/json", bytes.NewReader(body))
				if err == nil {
					_, err = io.Copy(io.Discard, r.Body)
					r.Body.Close()
					if r.StatusCode != http.StatusOK {
						err = fmt.Errorf("status %s", r.Status)
					}
				}
				if err != nil {
					failed.Store(&err)
					return
				}
				times[k] = append(times[k], time.Since(start))
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	if err := failed.Load(); err != nil {
		return result{}, *err
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	if len(all) == 0 {
		return result{}, fmt.Errorf("no request was answered in %v", took)
	}
	at := func(p int) float64 { return float64(all[(len(all)-1)*p/100].Microseconds()) / 1000 }
	return result{float64(len(all)) / took.Seconds(), at(50), at(99)}, nil
}
