package nn_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/seed55f1b796/nn"
)

// A program that only predicts needs no library: it takes a file of Go that holds
// the network. Here is the function in it, which calls those below it.
func ExampleNetwork_WriteGo() {
	net := nn.New(nil, nn.Input(2), nn.Dense(8), nn.Tanh, nn.Dense(1), nn.Sigmoid)

	var file strings.Builder
	if err := net.WriteGo(&file, "main", "Predict"); err != nil {
		log.Fatal(err)
	}
	_, text, _ := strings.Cut(file.String(), "func Predict")
	text, _, _ = strings.Cut(text, "\n}")
	fmt.Println("func Predict" + text + "\n}")
	// Output:
	// func Predict(x *[2]float64) [1]float64 {
	// 	var y1 [8]float64 // Dense(8)
	// 	predictGemmBlock(1, 8, 2, x[:], 2, 1, predictWeight0[:], 8, y1[:], 8)
	// 	predictVaddrow(y1[:], y1[:], predictBias0[:])
	// 	var y2 [8]float64 // Tanh
	// 	predictVtanh(y2[:], y1[:])
	// 	var y3 [1]float64 // Dense(1)
	// 	predictGemmBlock(1, 1, 8, y2[:], 8, 1, predictWeight2[:], 1, y3[:], 1)
	// 	predictVaddrow(y3[:], y3[:], predictBias2[:])
	// 	var y4 [1]float64 // Sigmoid
	// 	predictVsigmoid(y4[:], y3[:])
	// 	return y4
	// }
}
