// Command mnist trains a network on the handwritten digits of MNIST, or on a
// data set in the same four files, such as Fashion-MNIST.
//
//	go run ./examples/mnist -data DIR
//
// The recipe shifts every training image by up to a pixel at random, drops
// units, and lets the learning rate rise and fall once (98.5 % and more). With
// -plain it is a network of 128 hidden units, trained by plain gradient descent
// for five epochs.
package main

import (
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"

	"github.com/seed55f1b796/nn"
)

func main() {
	dir := flag.String("data", "data", "folder with the four files of MNIST")
	plain := flag.Bool("plain", false, "train 784-128-10 by plain SGD for 5 epochs")
	epochs := flag.Int("epochs", 12, "epochs of the recipe")
	save := flag.String("save", "", "file to save the trained network in")
	flag.Parse()
	log.SetFlags(0)

	train, test, err := nn.ReadMNIST(os.DirFS(*dir))
	if err != nil {
		log.Fatal(err)
	}
	var net *nn.Network
	if *plain {
		net = trainPlain(train, test)
	} else {
		net = trainRecipe(train, test, *epochs)
	}
	if *save != "" {
		if err := net.SaveFile(*save); err != nil {
			log.Fatal(err)
		}
	}
}

func trainPlain(train, test nn.Dataset) *nn.Network {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(784),
		nn.Dense(128), nn.ReLU,
		nn.Dense(10), nn.Softmax())
	trainer := nn.Trainer{Net: net, Optimizer: &nn.SGD{LearningRate: 0.1}}
	for epoch := range trainer.Train(train, 5) {
		fmt.Printf("%v  test accuracy %.2f%%\n", epoch, 100*nn.Accuracy(net.Predict(test.X), test.Y))
	}
	return net
}

func trainRecipe(train, test nn.Dataset, epochs int) *nn.Network {
	const batch = 64
	net := nn.New(rand.NewPCG(1, 2), nn.Input(784),
		nn.Dense(256), nn.ReLU, nn.Dropout(0.1),
		nn.Dense(128), nn.ReLU, nn.Dropout(0.1),
		nn.Dense(10), nn.Softmax())
	fmt.Print(net)

	steps := epochs * ((train.Len() + batch - 1) / batch)
	trainer := nn.Trainer{
		Net:       net,
		Optimizer: &nn.Adam{Schedule: nn.OneCycle(2e-3, steps)},
		Progress:  os.Stdout,
	}
	rng := rand.New(rand.NewPCG(3, 4))
	shifted := func(yield func(x, y *nn.Matrix) bool) {
		for x, y := range train.Batches(batch, rng) {
			for i := range x.Rows {
				shift(x.Row(i), rng.IntN(3)-1, rng.IntN(3)-1)
			}
			if !yield(x, y) {
				return
			}
		}
	}
	for range trainer.TrainStream(shifted, epochs) {
		fmt.Printf("test accuracy %.2f%%\n", 100*nn.Accuracy(net.Predict(test.X), test.Y))
	}
	return net
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
