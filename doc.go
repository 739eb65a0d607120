// Package nn builds, trains and runs neural networks.
//
// It needs nothing but the standard library. A network is a list of layers,
// one on the other, like courses of bricks:
//
//	net := nn.New(rand.NewPCG(1, 2), nn.Input(784),
//		nn.Dense(128), nn.ReLU,
//		nn.Dense(10), nn.Softmax())
//
// A layer is told the size of its output and finds out the size of its input.
// A [Trainer] changes the network's parameters so that its predictions come
// near given targets:
//
//	trainer := nn.Trainer{Net: net, Optimizer: &nn.SGD{LearningRate: 0.1}}
//	for epoch := range trainer.Train(data, 5) {
//		fmt.Println(epoch)
//	}
//
// and [Network.Predict] applies it, from any number of goroutines at once.
//
// # Data
//
// Numbers are float64 and live in a [Matrix]. A batch is a matrix with one
// sample in each row. A [Shape] says how the numbers of a row are laid out:
// (784) for plain features, (1, 28, 28) for an image as channels, height,
// width, (28, 64) for a sequence of 28 steps with 64 features each. The last
// dimension varies fastest.
//
// # Notation
//
// In the formulas x is a layer's input, y its output, W and b its parameters,
// L the loss. The gradient ∂L/∂a of the loss with respect to a is written da,
// and has the shape of a. x·y is the matrix product, x ⊙ y the product element
// by element, xᵀ the transpose.
//
// # Errors
//
// A mistake in the program, such as matrices whose shapes do not fit, panics
// with a message that begins with "nn: ". What comes from outside the program,
// such as a file, is reported by an error.
//
// # Randomness
//
// There is no global source of random numbers: a network draws its initial
// parameters, and its trainer the order of samples and the units to drop, from
// the source given to [New].
//
// # The same bits everywhere
//
// The same program and source give the same numbers, bit for bit, for any
// GOMAXPROCS and on every architecture. Each computation is defined by the
// operations of IEEE 754 that it makes and by their order, whatever is done in
// parallel or in vectors: an element of a product is one chain of fused
// multiply-adds, a function such as the exponential is a polynomial of our own
// and not the machine's, a sum has fixed lanes. What NaN is made of is left
// open, and so is what a user's own code computes: Go may fuse x*y + z on some
// architectures unless it is written float64(x*y) + z.
package nn
