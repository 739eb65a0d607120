// Training compares workloads of training and prediction with NumPy, or
// PyTorch, each written as one would for speed, side by side:
//
//	apt-get install python3-numpy libopenblas0-pthread python3-torch
//	OPENBLAS_NUM_THREADS=1 GOMAXPROCS=1 go run ./training -data DIR
//	go run ./training -data DIR -backend torch -dtype float32
//
// DIR holds the four files of MNIST. The two sides take turns, once each in a
// round; the table has the median of the rounds and of their ratios.
//
//	W1   784-128(ReLU)-10, softmax and cross-entropy, batches of 32, SGD, an epoch
//	W1b  784-256-128-10, batches of 128, Adam, an epoch
//	W2   the exclusive or: 2-8(tanh)-1(sigmoid), squared error, all 4 samples, a step
//	W3   one prediction by the network of W1
//	W4   LeNet, batches of 64, SGD, an epoch of the first 10,000 images (torch only)
//	W5   LSTM(128) on the rows of images, dense 10 on the last step, batches of 64,
//	     Adam, an epoch of the first 10,000 images (torch only)
//	GPT  a causal transformer: 4 blocks of width 128 with 4 heads, 16 sequences of 64
//	     of 65 characters, Adam, a step (torch only)
//
// OMP_NUM_THREADS and OPENBLAS_NUM_THREADS together say how many threads PyTorch has.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed55f1b796/nn"
)

func main() {
	data := flag.String("data", "data", "folder of MNIST")
	python := flag.String("python", "/usr/bin/python3", "the Python with NumPy")
	backend := flag.String("backend", "numpy", "numpy or torch")
	dtype := flag.String("dtype", "float64", "float64 or float32, of the other side")
	standardise := flag.Bool("standardise", false, "standardise the pixels, so that none is 0")
	rounds := flag.Int("rounds", 5, "rounds")
	only := flag.String("only", "W1,W1b,W2,W3", "workloads")
	flag.Parse()
	log.SetFlags(0)

	train, _, err := nn.ReadMNIST(os.DirFS(*data))
	if err != nil {
		log.Fatal(err)
	}
	flagText := "0"
	if *standardise {
		nn.Standardize(train.X)
		flagText = "1"
	}
	other := exec.Command(*python, "training/training.py", *backend, *dtype, *data, flagText)
	other.Stderr = os.Stderr
	in, _ := other.StdinPipe()
	out, _ := other.StdoutPipe()
	if err := other.Start(); err != nil {
		log.Fatal(err)
	}
	answers := bufio.NewScanner(out)
	answer := func() string {
		if !answers.Scan() {
			log.Fatal("training.py ended")
		}
		return answers.Text()
	}
	answer()

	ours := workloads(train)
	maps.Copy(ours, sequenceWorkloads(train))
	fmt.Printf("GOMAXPROCS %d, the other side: %s %s, OPENBLAS_NUM_THREADS %q\n", runtime.GOMAXPROCS(0), *backend, *dtype, os.Getenv("OPENBLAS_NUM_THREADS"))
	fmt.Printf("%-5s %12s %12s %8s\n", "", "nn", *backend, "ratio")
	for _, name := range strings.Split(*only, ",") {
		var a, b, ratio []float64
		for range *rounds + 1 {
			x := ours[name]()
			io.WriteString(in, name+"\n")
			y, err := strconv.ParseFloat(answer(), 64)
			if err != nil {
				log.Fatal(err)
			}
			a, b, ratio = append(a, x), append(b, y), append(ratio, x/y)
		}
		fmt.Printf("%-5s %12s %12s %8.3f\n", name, unit(median(a[1:])), unit(median(b[1:])), median(ratio[1:]))
	}
	in.Close()
	other.Wait()
}

// workloads returns functions that run a workload once and return its seconds.
func workloads(train nn.Dataset) map[string]func() float64 {
	src := func() rand.Source { return rand.NewPCG(1, 2) }
	w1 := &nn.Trainer{Optimizer: &nn.SGD{LearningRate: 0.1}, BatchSize: 32,
		Net: nn.New(src(), nn.Input(784), nn.Dense(128), nn.ReLU, nn.Dense(10), nn.Softmax())}
	w1b := &nn.Trainer{Optimizer: &nn.Adam{LearningRate: 1e-3}, BatchSize: 128,
		Net: nn.New(src(), nn.Input(784), nn.Dense(256), nn.ReLU, nn.Dense(128), nn.ReLU, nn.Dense(10), nn.Softmax())}
	w2 := &nn.Trainer{Optimizer: &nn.SGD{LearningRate: 0.5}, Loss: nn.MSE,
		Net: nn.New(src(), nn.Input(2), nn.Dense(8), nn.Tanh, nn.Dense(1), nn.Sigmoid)}
	x, y := nn.NewMatrix(4, 2, 0, 0, 0, 1, 1, 0, 1, 1), nn.NewMatrix(4, 1, 0, 1, 1, 0)
	one, p := train.X.RowRange(0, 1), new(nn.Matrix)
	w4, images := lenet(train)
	epoch := func(t *nn.Trainer, d nn.Dataset) func() float64 {
		return func() float64 {
			start := time.Now()
			for range t.Train(d, 1) {
			}
			return time.Since(start).Seconds()
		}
	}
	repeat := func(n int, f func()) func() float64 {
		return func() float64 {
			start := time.Now()
			for range n {
				f()
			}
			return time.Since(start).Seconds() / float64(n)
		}
	}
	return map[string]func() float64{
		"W1":  epoch(w1, train),
		"W1b": epoch(w1b, train),
		"W2":  repeat(200000, func() { w2.Step(x, y) }),
		"W3":  repeat(50000, func() { w1.Net.PredictTo(p, one) }),
		"W4":  epoch(w4, images),
	}
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// unit returns a number of seconds as one reads it.
func unit(s float64) string {
	if s < 1e-3 {
		return fmt.Sprintf("%.2f µs", 1e6*s)
	}
	return fmt.Sprintf("%.3f s", s)
}
