package nn_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"

	"github.com/seed55f1b796/nn"
)

// What torch.save(model.state_dict(), …) has written of
//
//	model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
func ExampleNetwork_Import() {
	ts, err := nn.ReadTorchFile("testdata/exchange/mlp.pt")
	if err != nil {
		log.Fatal(err)
	}
	net := nn.New(nil, nn.Input(4), nn.Dense(5), nn.ReLU, nn.Dense(3))
	if err := net.Import(ts, nn.Mapping{}); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", net.Predict(nn.NewMatrix(1, 4, 1, 2, 3, 4)))
	// Output:
	// [[ 3.2721 -0.3155 -2.0475]]
}

// A network of another architecture: the error says all that is wrong.
func ExampleNetwork_Import_error() {
	ts, err := nn.ReadTorchFile("testdata/exchange/mlp.pt")
	if err != nil {
		log.Fatal(err)
	}
	net := nn.New(nil, nn.Input(4), nn.Dense(6), nn.BatchNorm(), nn.ReLU, nn.Dense(3).WithoutBias())
	err = net.Import(ts, nn.Mapping{Names: map[string]string{"3": "2"}})
	var e *nn.ImportError
	if errors.As(err, &e) {
		fmt.Println("missing:", e.Missing)
		fmt.Println("left over:", e.Left)
		fmt.Println("2.weight:", e.Shapes["2.weight"][0], "in the file,", e.Shapes["2.weight"][1], "in the network")
	}
	// Output:
	// missing: [1.weight 1.bias 1.running_mean 1.running_var]
	// left over: [2.bias]
	// 2.weight: (3, 5) in the file, (3, 6) in the network
}

// A file for PyTorch, of float32, in which the layers are called as the attributes
// of a module.
func ExampleNetwork_Export() {
	net := nn.New(nil, nn.Input(6, 4), nn.LSTM(2), nn.Last(), nn.Dense(3))
	ts := net.Export(nn.Mapping{Names: map[string]string{"0": "lstm", "2": "head"}})

	var file bytes.Buffer
	if err := ts.Save(&file, nn.SaveOptions{Float32: true}); err != nil {
		log.Fatal(err)
	}
	read, _, err := nn.ReadTensors(&file)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(read)) {
		fmt.Println(name, read[name].Shape)
	}
	// Output:
	// head.bias (3)
	// head.weight (3, 2)
	// lstm.bias_hh_l0 (8)
	// lstm.bias_ih_l0 (8)
	// lstm.weight_hh_l0 (8, 2)
	// lstm.weight_ih_l0 (8, 4)
}

// ReadTensors needs no network.
func ExampleReadTensors() {
	var file bytes.Buffer
	ts := nn.Tensors{
		"mean": nn.NewTensor(nn.NewMatrix(1, 3, 0.1, 0.2, 0.3), 3),
		"cube": nn.NewTensor(nn.NewMatrix(2, 4, 1, 2, 3, 4, 5, 6, 7, 8), 2, 2, 2),
	}
	if err := ts.Save(&file, nn.SaveOptions{Metadata: map[string]string{"by": "me"}}); err != nil {
		log.Fatal(err)
	}
	read, meta, err := nn.ReadTensors(&file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(meta["by"], read["mean"].Data, read["cube"].Shape)
	fmt.Println(read["cube"])
	// Output:
	// me [0.1 0.2 0.3] (2, 2, 2)
	// [[1 2 3 4]
	//  [5 6 7 8]]
}

// A file of torch.save({"model": …, "epoch": 3, "list": [torch.tensor([1, 2]), …]}, …):
// the names are the keys on the way to the tensors, and the epoch is left out.
func ExampleReadTorch() {
	file, err := os.Open("testdata/exchange/types.pt") // or see ReadTorchFile
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		log.Fatal(err)
	}
	ts, err := nn.ReadTorch(file, info.Size())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ts["model.rank4"].Shape, ts["list.0"].Data)

	_, ok := ts["epoch"]
	fmt.Println(ok)
	// Output:
	// (2, 1, 3, 4) [1 2]
	// false
}

// A Save to a file is SaveFile, and safetensors.torch.load_file reads it in Python.
func ExampleTensors_Save() {
	ts := nn.Tensors{
		"scale": nn.NewTensor(nn.NewMatrix(1, 1, 0.1)),
		"bias":  nn.NewTensor(nn.NewMatrix(1, 3), 3),
	}
	for _, options := range []nn.SaveOptions{{}, {Float32: true}} {
		var file bytes.Buffer
		if err := ts.Save(&file, options); err != nil {
			log.Fatal(err)
		}
		read, _, err := nn.ReadTensors(&file)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(read["scale"].Data[0], read["bias"].Shape)
	}
	// Output:
	// 0.1 (3)
	// 0.10000000149011612 (3)
}
