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

// Differences of neighbours in a series of measurements, which is one channel.
func ExampleConv1D() {
	differences := nn.Conv1D(1, 2).WithoutBias()
	net := nn.New(nil, nn.Input(1, 6), differences)
	copy(differences.W.Value.Data, []float64{-1, 1})
	fmt.Println(net.Predict(nn.NewMatrix(1, 6, 1, 2, 4, 8, 16, 32)))
	// Output: [[ 1  2  4  8 16]]
}

// With a stride of 2 every pixel becomes four, here all the same.
func ExampleConvTranspose2D() {
	larger := nn.ConvTranspose2D(1, 2).WithStride(2).WithoutBias()
	net := nn.New(nil, nn.Input(1, 2, 3), larger)
	copy(larger.W.Value.Data, []float64{1, 1, 1, 1})
	image := nn.NewMatrix(1, 6,
		1, 2, 3,
		4, 5, 6)
	fmt.Println(net.Out())
	fmt.Println(net.Predict(image).Reshape(4, 6))
	// Output:
	// (1, 4, 6)
	// [[1 1 2 2 3 3]
	//  [1 1 2 2 3 3]
	//  [4 4 5 5 6 6]
	//  [4 4 5 5 6 6]]
}

// Four channels of two values, in groups of two channels: each group gets mean 0 and
// variance 1.
func ExampleGroupNorm() {
	net := nn.New(nil, nn.Input(4, 1, 2), nn.GroupNorm(2))
	y := net.Predict(nn.NewMatrix(1, 8,
		1, 1, 3, 3,
		10, 20, 10, 20))
	for _, v := range y.Data {
		fmt.Printf("%.2f ", v)
	}
	// Output: -1.00 -1.00 1.00 1.00 -1.00 1.00 -1.00 1.00
}

// A block of a convolutional network for photographs: in training a tenth of the
// channels of every image is left out.
func ExampleChannelDropout() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(3, 32, 32),
		nn.Conv2D(16, 3).WithSamePadding().WithoutBias(), nn.BatchNorm(), nn.ReLU,
		nn.ChannelDropout(0.1), nn.MaxPool2D(2),
		nn.GlobalAvgPool2D(), nn.Dense(10), nn.Softmax())
	fmt.Println(net)
	// Output:
	// layer                        output        parameters
	//    input                        (3, 32, 32)
	// 0  Conv2D(16, 3, Same, NoBias)  (16, 32, 32)  432
	// 1  BatchNorm()                  (16, 32, 32)  64 (32 not trained)
	// 2  ReLU                         (16, 32, 32)  0
	// 3  ChannelDropout(0.1)          (16, 32, 32)  0
	// 4  MaxPool2D(2)                 (16, 16, 16)  0
	// 5  GlobalAvgPool2D()            (16)          0
	// 6  Dense(10)                    (10)          170
	// 7  Softmax()                    (10)          0
	// total: 666 (32 not trained) parameters
}
