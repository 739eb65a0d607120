package nn_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/seed55f1b796/nn"
)

const flowers = `petal length,petal width,species
1.4,0.2,0
4.7,1.4,1
1.3,0.2,0
4.5,1.5,1
`

func ExampleCSV() {
	data, names, err := nn.CSV{Target: "species"}.Read(strings.NewReader(flowers))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n%v\n%v\n", names, data.X, data.Y)

	_, _, err = nn.CSV{Target: "species"}.Read(strings.NewReader("petal,species\n1.4,0\nlong,1\n"))
	fmt.Println(err)
	// Output:
	// ["petal length" "petal width"]
	// [[1.4 0.2]
	//  [4.7 1.4]
	//  [1.3 0.2]
	//  [4.5 1.5]]
	// [[0]
	//  [1]
	//  [0]
	//  [1]]
	// nn: CSV: line 3, column 1 (petal): "long" is not a number; for text see Categories and Skip
}

const passengers = `name,class,sex,age,survived
"Smith, John",3,male,22,no
"Brown, Mary",1,female,38,yes
"Lee, Ann",3,female,,yes
"Gray, Tom",3,male,30,no
"Reed, Ida",2,female,27,yes
"King, Sam",2,male,54,no
`

// A table with text and a missing value; the model file holds all that is
// needed to predict from a line of such a table.
func ExampleCSV_FitRead() {
	table := nn.CSV{
		Target:     "survived",
		Skip:       []string{"name"},
		Categories: []string{"sex", "survived"},
		Missing:    nn.MissingMean,
	}
	data, encoder, err := table.FitRead(strings.NewReader(passengers))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n%.1f\n", encoder.Names(), data.X)

	net := nn.New(rand.NewPCG(1, 2), nn.Input(data.X.Cols), nn.BatchNorm(), nn.Dense(8), nn.Tanh, nn.Dense(2), nn.Softmax())
	trainer := nn.Trainer{Net: net, Optimizer: &nn.Adam{LearningRate: 0.05}}
	for range trainer.Train(data, 100) {
	}
	text, err := json.Marshal(encoder)
	if err != nil {
		fmt.Println(err)
		return
	}
	net.Classes = encoder.Classes()
	net.Meta = map[string]string{"encoder": string(text)}
	var file bytes.Buffer
	if err := net.Save(&file); err != nil {
		fmt.Println(err)
		return
	}

	// Another program.
	net, err = nn.Load(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	var loaded nn.Encoder
	if err := json.Unmarshal([]byte(net.Meta["encoder"]), &loaded); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n", loaded.Fields())
	for _, sex := range []string{"female", "male", "?", "Female"} {
		x, err := loaded.Encode("2", sex, "40")
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(sex, net.Classes[net.Predict(x).ArgMax(0)])
	}
	// Output:
	// ["class" "sex=female" "sex=male" "age"]
	// [[ 3.0  0.0  1.0 22.0]
	//  [ 1.0  1.0  0.0 38.0]
	//  [ 3.0  1.0  0.0 34.2]
	//  [ 3.0  0.0  1.0 30.0]
	//  [ 2.0  1.0  0.0 27.0]
	//  [ 2.0  0.0  1.0 54.0]]
	// ["class" "sex" "age"]
	// female yes
	// male no
	// ? yes
	// nn: Encode: field 2 (sex): unknown category: "Female" is not among the 2 that were fitted
}

// Other files, in another order of columns and with a category less, become the
// same columns of X.
func ExampleEncoder() {
	encoder, err := nn.CSV{Target: "price", Categories: []string{"color"}}.Fit(strings.NewReader(`color,size,price
red,1,10
green,2,30
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := encoder.Read(strings.NewReader(`price,size,color
20,1.5,red
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q %v %v\n", encoder.Names(), data.X, data.Y)

	x, err := encoder.Encode("green", "3") // the values of encoder.Fields()
	fmt.Println(x, err)
	// Output:
	// ["color=green" "color=red" "size"] [[  0   1 1.5]] [[20]]
	// [[1 0 3]] <nil>
}

// Data that do not fit in memory are read sample by sample, and mixed in a
// buffer.
func ExampleStream() {
	rng := rand.New(rand.NewPCG(1, 2))
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(1), nn.Sigmoid)
	trainer := nn.Trainer{Net: net, Optimizer: &nn.Adam{LearningRate: 0.1}}
	for range 50 { // epochs
		rows, err := nn.CSV{Target: "species"}.Rows(strings.NewReader(flowers))
		if err != nil {
			fmt.Println(err)
			return
		}
		for x, y := range nn.Stream(rows.All(), 2, 1000, rng) {
			trainer.Step(x, y)
		}
		if rows.Err() != nil {
			fmt.Println(rows.Err())
			return
		}
	}
	fmt.Printf("%.0f\n", net.Predict(nn.NewMatrix(2, 2, 1.5, 0.3, 4.6, 1.3)))
	// Output:
	// [[0]
	//  [1]]
}

// A scaler is fitted on the data to learn from, and applied to all others.
func ExampleStandardScaler() {
	train := nn.NewMatrix(4, 2,
		1, 100,
		2, 200,
		3, 300,
		4, 400)
	test := nn.NewMatrix(1, 2, 2.5, 500)

	scaler := nn.StandardScaler(train)
	scaler.Apply(train)
	scaler.Apply(test)
	fmt.Printf("%.2f\n%.2f\n", train, test)
	// Output:
	// [[-1.34 -1.34]
	//  [-0.45 -0.45]
	//  [ 0.45  0.45]
	//  [ 1.34  1.34]]
	// [[0.00 2.24]]
}

func ExampleDataset_Folds() {
	data := rings(60, rand.New(rand.NewPCG(1, 2)))
	sum := 0.0
	for train, valid := range data.Folds(3, rand.New(rand.NewPCG(3, 4))) {
		net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(16), nn.ReLU, nn.Dense(2), nn.Softmax())
		trainer := nn.Trainer{Net: net, Optimizer: &nn.Adam{LearningRate: 0.05}, BatchSize: 8}
		for range trainer.Train(train, 40) {
		}
		sum += nn.Accuracy(net.Predict(valid.X), valid.Y)
	}
	fmt.Println("mean accuracy:", sum/3)
	// Output: mean accuracy: 1
}

func ExampleReport() {
	y := nn.NewMatrix(5, 3, // probabilities of three classes
		0.8, 0.1, 0.1,
		0.3, 0.6, 0.1,
		0.5, 0.4, 0.1,
		0.0, 0.1, 0.9,
		0.1, 0.2, 0.7)
	right := nn.NewMatrix(5, 1, 0, 1, 1, 2, 2)
	report := nn.Report(y, right, "cat", "dog", "owl")
	fmt.Print(report)
	fmt.Println(report.Confusion)
	// Output:
	//               precision    recall  f1-score   support
	//
	//          cat       0.50      1.00      0.67         1
	//          dog       1.00      0.50      0.67         2
	//          owl       1.00      1.00      1.00         2
	//
	//     accuracy                           0.80         5
	//    macro avg       0.83      0.83      0.78         5
	// weighted avg       0.90      0.80      0.80         5
	// [[1 0 0]
	//  [1 1 0]
	//  [0 0 2]]
}

// The learning rate goes down when the loss does not.
func ExamplePlateau() {
	plateau := &nn.Plateau{LearningRate: 0.1, Factor: 0.5, Patience: 1}
	optimizer := &nn.SGD{Schedule: plateau.Schedule()}
	for _, loss := range []float64{3, 2, 2, 2, 1} {
		plateau.After(loss)
		fmt.Println(loss, optimizer.Rate())
	}
	// Output:
	// 3 0.1
	// 2 0.1
	// 2 0.1
	// 2 0.05
	// 1 0.05
}

// The average of the weights over the last steps often predicts better than
// the last weights do.
func ExampleEMA() {
	data := rings(200, rand.New(rand.NewPCG(1, 2)))
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(16), nn.ReLU, nn.Dense(2), nn.Softmax())
	trainer := nn.Trainer{Net: net, Optimizer: &nn.Adam{LearningRate: 0.05}, EMA: &nn.EMA{Decay: 0.99}}
	for range trainer.Train(data, 30) {
	}
	fmt.Println(nn.Accuracy(trainer.Averaged().Predict(data.X), data.Y))
	// Output: 1
}

// Fit stops when its context is done, or training diverges.
func ExampleTrainer_Fit() {
	data := rings(200, rand.New(rand.NewPCG(1, 2)))
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(16), nn.ReLU, nn.Dense(1))
	trainer := nn.Trainer{Net: net, Optimizer: &nn.SGD{LearningRate: 1e200}} // much too high
	err := trainer.Fit(context.Background(), data, 10)
	fmt.Println(errors.Is(err, nn.ErrDiverged))
	fmt.Println(err)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(trainer.Fit(ctx, data, 10))
	// Output:
	// true
	// nn: Fit: epoch 1, step 2: the output of layer 2, Dense(1), has +Inf for sample 0 of the batch: training diverged
	// context canceled
}
