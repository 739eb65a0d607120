package nn_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed55f1b796/nn"
)

// A network learns to say the next letter, and then spells the word. A session
// takes one letter at a time and remembers the others.
func ExampleSession() {
	const letters, word = "ehlo.", "hello."
	x, y := nn.NewMatrix(1, 5), nn.NewMatrix(1, 5)
	index := func(b byte) float64 {
		for i := range letters {
			if letters[i] == b {
				return float64(i)
			}
		}
		panic("not a letter")
	}
	for t := range 5 {
		x.Data[t], y.Data[t] = index(word[t]), index(word[t+1])
	}
	net := nn.New(rand.NewPCG(1, 2), nn.Input(5), nn.Embedding(5, 4), nn.LSTM(8), nn.Dense(5), nn.Softmax())
	trainer := nn.Trainer{Net: net, Optimizer: &nn.Adam{LearningRate: 0.03}}
	for range 100 {
		trainer.Step(x, y)
	}

	s, err := nn.NewSession(net)
	if err != nil {
		panic(err)
	}
	letter := nn.NewMatrix(1, 1, index('h'))
	fmt.Print("h")
	for range 5 {
		i := s.Step(letter).ArgMax(0)
		fmt.Printf("%c", letters[i])
		letter.Data[0] = float64(i)
	}
	// Output: hello.
}

func ExampleBidirectional() {
	net := nn.New(nil, nn.Input(28, 28),
		nn.Bidirectional(nn.LSTM(64), nn.LSTM(64)),
		nn.LayerNorm(),
		nn.Last(),
		nn.Dense(10), nn.Softmax())
	fmt.Print(net)
	// Output:
	// layer                              output     parameters
	//    input                              (28, 28)
	// 0  Bidirectional(LSTM(64), LSTM(64))  (28, 128)  47,616
	// 1  LayerNorm()                        (28, 128)  256
	// 2  Last()                             (128)      0
	// 3  Dense(10)                          (10)       1,290
	// 4  Softmax()                          (10)       0
	// total: 49,162 parameters
}

// Two layers of LSTM read a sequence of 28 steps with 28 features each; the last
// step of the second says the class.
func ExampleLSTM() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(28, 28),
		nn.LSTM(64), nn.LSTM(64), nn.Last(),
		nn.Dense(10), nn.Softmax())
	fmt.Print(net)
	// Output:
	// layer      output    parameters
	//    input      (28, 28)
	// 0  LSTM(64)   (28, 64)  23,808
	// 1  LSTM(64)   (28, 64)  33,024
	// 2  Last()     (64)      0
	// 3  Dense(10)  (10)      650
	// 4  Softmax()  (10)      0
	// total: 57,482 parameters
}

// Sequences of different lengths: 0 fills up. What the network says of a sequence
// does not depend on how much of it is filled up.
func ExamplePadding() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(5),
		nn.Embedding(10, 4).WithPadding(0), nn.Padding(),
		nn.GRU(8), nn.Last(), nn.Dense(2), nn.Softmax())
	y := net.Predict(nn.NewMatrix(2, 5,
		3, 1, 4, 0, 0,
		0, 0, 3, 1, 4))
	fmt.Println(y.RowRange(0, 1).Equal(y.RowRange(1, 2), 0))
	// Output: true
}
