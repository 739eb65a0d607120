// Command lenet trains a convolutional network on the handwritten digits of
// MNIST, or on a data set in the same four files, such as Fashion-MNIST.
//
//	go run ./examples/lenet -data DIR
//	go run ./examples/lenet -data DIR -plain
//
// With -plain it is LeNet-5 with the parts of today: ReLU, max-pooling, softmax
// (99.2 % of the test images right after four epochs). The recipe without it
// has more filters, normalises batches, drops units, and shifts every training
// image by up to a pixel at random (99.5 %).
//
// LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to
// Document Recognition, Proceedings of the IEEE 86 (1998).
package main

import (
	"flag"
	"fmt"
	"iter"
	"log"
	"math/rand/v2"
	"os"

	"github.com/seed55f1b796/nn"
)

const batch = 32

func main() {
	log.SetFlags(0)
	dir := flag.String("data", "data", "folder with the four files of MNIST")
	plain := flag.Bool("plain", false, "train LeNet-5, on the images as they are")
	epochs := flag.Int("epochs", 4, "epochs, in which the learning rate rises and falls once")
	save := flag.String("save", "", "file to save the trained network in")
	flag.Parse()
	if *epochs < 1 || flag.NArg() > 0 {
		log.Fatalf("%d epochs; there must be one at least. Arguments besides flags: %q", *epochs, flag.Args())
	}

	train, test, err := nn.ReadMNIST(os.DirFS(*dir))
	if err != nil {
		log.Fatalf("folder %s: %v", *dir, err)
	}
	net, rate := recipe(), 5e-3
	if *plain {
		net, rate = lenet(), 3e-3
	}
	fmt.Print(net)
	steps := *epochs * ((train.Len() + batch - 1) / batch)
	trainer := nn.Trainer{Net: net, BatchSize: batch, Optimizer: &nn.Adam{Schedule: nn.OneCycle(rate, steps)}}
	training := trainer.Train(train, *epochs)
	if !*plain {
		training = trainer.TrainStream(shifted(train, rand.New(rand.NewPCG(3, 4))), *epochs)
	}
	for epoch := range training {
		fmt.Printf("%v  test accuracy %.2f%%\n", epoch, 100*nn.Accuracy(net.Predict(test.X), test.Y))
	}
	if *save != "" {
		if err := net.SaveFile(*save); err != nil {
			log.Fatal(err)
		}
	}
}

// lenet is LeNet-5.
func lenet() *nn.Network {
	return nn.New(rand.NewPCG(1, 2), nn.Input(1, 28, 28),
		nn.Conv2D(6, 5).WithPadding(2), nn.ReLU, nn.MaxPool2D(2),
		nn.Conv2D(16, 5), nn.ReLU, nn.MaxPool2D(2),
		nn.Flatten(),
		nn.Dense(120), nn.ReLU,
		nn.Dense(84), nn.ReLU,
		nn.Dense(10), nn.Softmax())
}

// recipe normalises after pooling, when there is a quarter of the values left.
// What is normalised needs no bias.
func recipe() *nn.Network {
	return nn.New(rand.NewPCG(1, 2), nn.Input(1, 28, 28),
		nn.Conv2D(8, 5).WithoutBias(), nn.MaxPool2D(2), nn.BatchNorm(), nn.ReLU,
		nn.Conv2D(48, 5).WithoutBias(), nn.MaxPool2D(2), nn.BatchNorm(), nn.ReLU,
		nn.Flatten(), nn.Dropout(0.2),
		nn.Dense(128).WithoutBias(), nn.BatchNorm(), nn.ReLU, nn.Dropout(0.2),
		nn.Dense(10), nn.Softmax())
}

// shifted yields the images in batches, each image moved by up to a pixel in each
// direction.
func shifted(d nn.Dataset, rng *rand.Rand) iter.Seq2[*nn.Matrix, *nn.Matrix] {
	return func(yield func(x, y *nn.Matrix) bool) {
		for x, y := range d.Batches(batch, rng) {
			for i := range x.Rows {
				shift(x.Row(i), rng.IntN(3)-1, rng.IntN(3)-1)
			}
			if !yield(x, y) {
				return
			}
		}
	}
}

// shift moves an image of 28×28 pixels down and to the right.
func shift(image []float64, down, right int) {
	var moved [28 * 28]float64
	for i := max(0, down); i < min(28, 28+down); i++ {
		for j := max(0, right); j < min(28, 28+right); j++ {
			moved[28*i+j] = image[28*(i-down)+j-right]
		}
	}
	copy(image, moved[:])
}
