package nn_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed55f1b796/nn"
)

// LeNet, for images of digits.
func ExampleConv2D() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(1, 28, 28),
		nn.Conv2D(6, 5).WithPadding(2), nn.ReLU, nn.MaxPool2D(2),
		nn.Conv2D(16, 5), nn.ReLU, nn.MaxPool2D(2),
		nn.Flatten(), nn.Dense(120), nn.ReLU, nn.Dense(84), nn.ReLU,
		nn.Dense(10), nn.Softmax())
	fmt.Println(net)
	// Output:
	// layer                    output        parameters
	//     input                    (1, 28, 28)
	// 0   Conv2D(6, 5, Padding=2)  (6, 28, 28)   156
	// 1   ReLU                     (6, 28, 28)   0
	// 2   MaxPool2D(2)             (6, 14, 14)   0
	// 3   Conv2D(16, 5)            (16, 10, 10)  2,416
	// 4   ReLU                     (16, 10, 10)  0
	// 5   MaxPool2D(2)             (16, 5, 5)    0
	// 6   Flatten()                (400)         0
	// 7   Dense(120)               (120)         48,120
	// 8   ReLU                     (120)         0
	// 9   Dense(84)                (84)          10,164
	// 10  ReLU                     (84)          0
	// 11  Dense(10)                (10)          850
	// 12  Softmax()                (10)          0
	// total: 61,706 parameters
}

// A kernel that finds edges: each value is the difference of its neighbours on
// the right and on the left.
func ExampleConv2DLayer() {
	edges := nn.Conv2D(1, 3).WithKernel(1, 3).WithoutBias()
	net := nn.New(nil, nn.Input(1, 2, 6), edges)
	copy(edges.W.Value.Data, []float64{-1, 0, 1})

	image := nn.NewMatrix(1, 12,
		0, 0, 0, 5, 5, 5,
		0, 0, 0, 0, 7, 7)
	fmt.Println(net.Predict(image).Reshape(2, 4))
	// Output:
	// [[0 5 5 0]
	//  [0 0 7 7]]
}
