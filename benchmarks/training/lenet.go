package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed55f1b796/nn"
)

// lenet returns a trainer of W4 and its data: LeNet-5 with ReLU and the largest of
// each window, and the first 10,000 images.
func lenet(train nn.Dataset) (*nn.Trainer, nn.Dataset) {
	const images = 10000
	net := nn.New(rand.NewPCG(1, 2), nn.Input(1, 28, 28),
		nn.Conv2D(6, 5).WithPadding(2), nn.ReLU, nn.MaxPool2D(2),
		nn.Conv2D(16, 5), nn.ReLU, nn.MaxPool2D(2), nn.Flatten(),
		nn.Dense(120), nn.ReLU, nn.Dense(84), nn.ReLU, nn.Dense(10), nn.Softmax())
	if train.X.Rows < images {
		panic(fmt.Sprintf("training: W4 needs %d images, there are %d", images, train.X.Rows))
	}
	part := nn.Dataset{X: train.X.RowRange(0, images), Y: train.Y.RowRange(0, images)}
	return &nn.Trainer{Optimizer: &nn.SGD{LearningRate: 0.1}, BatchSize: 64, Net: net}, part
}
