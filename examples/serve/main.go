// Command serve answers HTTP requests with the predictions of a saved network.
//
//	go run ./examples/digits -save digits.safetensors
//	go run ./examples/serve -model digits.safetensors
//
// Requests that come at the same time are predicted together, as one batch; one
// that comes alone does not wait. The answer is the same, to the bit.
//
//	POST /predict   {"inputs": [[0, 0.5, …], …]}, a list of numbers for each sample,
//	                gives {"outputs": [[…], …], "classes": [7, …]}, and "names" of the
//	                classes if the network has them
//	POST /reload    reads the model's file again, as does a change of the file
//	GET  /healthz   says ok
//	GET  /stats     counts, latencies, sizes of batches, the model
//
// Errors are {"error": "…"}. A file that can't be loaded leaves the old model in
// place. An interrupt ends the server when the requests under way are answered.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// A config is what the flags say.
type config struct {
	model, addr  string
	batch        int
	workers      int
	wait         time.Duration
	requests     int
	samples      int
	body         int64
	timeout      time.Duration
	watch, grace time.Duration
}

func main() {
	var c config
	flag.StringVar(&c.model, "model", "", "file of the network, written by Save")
	flag.StringVar(&c.addr, "addr", "localhost:8080", "address to listen on")
	flag.IntVar(&c.batch, "batch", 64, "most samples to predict at a time; 1: each request by itself")
	flag.IntVar(&c.workers, "workers", runtime.GOMAXPROCS(0), "batches to predict at the same time")
	flag.DurationVar(&c.wait, "wait", time.Millisecond, "how long a batch waits for requests that are being read")
	flag.IntVar(&c.requests, "requests", 256, "most requests under way; more are told to come again")
	flag.IntVar(&c.samples, "samples", 256, "most samples of a request")
	flag.Int64Var(&c.body, "body", 8<<20, "most bytes of a request")
	flag.DurationVar(&c.timeout, "timeout", 10*time.Second, "how long a request may take to arrive")
	flag.DurationVar(&c.watch, "watch", 2*time.Second, "how often to look for a new model; 0: never")
	flag.DurationVar(&c.grace, "grace", 10*time.Second, "how long to wait, in the end, for requests under way")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, c, func(a net.Addr) { log.Printf("%s is served on http://%v", c.model, a) })
	if err != nil {
		log.Fatal(err)
	}
	log.Print("all requests are answered")
}

// run serves until ctx is done and the requests under way are answered. It calls
// listening when connections are accepted.
func run(ctx context.Context, c config, listening func(net.Addr)) error {
	if c.batch < 1 || c.workers < 1 || c.requests < 1 || c.samples < 1 || c.body < 1 {
		return errors.New("-batch, -workers, -requests, -samples and -body must be at least 1")
	}
	s := newServer(c)
	if err := s.reload(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		return err
	}
	h := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: c.timeout,
		ReadTimeout:       c.timeout,
		WriteTimeout:      c.timeout + time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 14,
	}
	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	for range c.workers {
		background.Go(s.batcher.run)
	}
	background.Go(func() { s.watch(ctx) })
	defer background.Wait()
	defer close(s.batcher.quit)
	defer cancel()

	failed := make(chan error, 1)
	background.Go(func() { failed <- h.Serve(listener) })
	listening(listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, stop := context.WithTimeout(context.Background(), c.grace)
	defer stop()
	if err := h.Shutdown(end); err != nil {
		h.Close()
		return fmt.Errorf("requests are left unanswered: %w", err)
	}
	return nil
}
