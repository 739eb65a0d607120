// Command xor trains a network of two layers on the exclusive or.
package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed55f1b796/nn"
)

func main() {
	xor := nn.Dataset{
		X: nn.NewMatrix(4, 2, 0, 0, 0, 1, 1, 0, 1, 1),
		Y: nn.NewMatrix(4, 1, 0, 1, 1, 0),
	}
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2),
		nn.Dense(8), nn.Tanh,
		nn.Dense(1), nn.Sigmoid)

	trainer := nn.Trainer{Net: net, Optimizer: &nn.SGD{LearningRate: 0.5}}
	for range trainer.Train(xor, 2000) {
	}
	fmt.Printf("%.2f\n", net.Predict(xor.X))
}
