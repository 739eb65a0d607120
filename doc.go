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
// # Exchange
//
// Networks and data go to other programs and come from there, by these functions
// of streams; most have a twin for a file, such as [ReadNPZFile]. No reader
// trusts what it reads, and none executes any of it.
//
//   - Networks: [Network.Save] and [Load], and with the state of their training
//     [Trainer.Save] and [Trainer.Resume]. The files are safetensors.
//   - Weights of PyTorch and others: [ReadTensors] and [Tensors.Save] for
//     safetensors, [ReadTorch] for what torch.save writes (.pt).
//     [Network.Import] and [Network.Export] exchange them with a network, in the
//     names and layout of PyTorch or as a [Mapping] says.
//   - Arrays of NumPy: [ReadNPY] and [WriteNPY], [ReadNPZ] and [WriteNPZ]. They
//     too have the types [Tensor] and [Tensors].
//   - Tables: [CSV], whose [Encoder] makes numbers of text, and is saved with a
//     network; [ReadCSV] for numbers alone. Images: [ReadIDX], [ReadMNIST].
//   - To predict elsewhere: [Network.WriteONNX] for ONNX Runtime, in float64 by
//     [ONNX]; [Network.WriteGo] for a Go program without this package.
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
//
// # NumPy
//
// A [Matrix] plays the part that a two-dimensional array of float64 plays in a
// program with NumPy. In the table z is the result, such as new(nn.Matrix);
// row is a 1×n matrix and col an m×1 matrix; whatever is reduced along an axis
// keeps it, with length 1 (keepdims=True).
//
//	np.array([[1, 2], [3, 4]])   nn.NewMatrix(2, 2, 1, 2, 3, 4)
//	np.zeros((r, c))             nn.NewMatrix(r, c)
//	np.full((r, c), v)           nn.NewMatrix(r, c).Fill(v)
//	np.eye(n)                    z.Identity(n)
//	rng.uniform(lo, hi, (r, c))  nn.NewMatrix(r, c).FillUniform(rng, lo, hi)
//	rng.normal(v, s, (r, c))     nn.NewMatrix(r, c).FillNormal(rng, v, s)
//	x.shape[0]                   x.Rows
//	x.shape[1]                   x.Cols
//	x.size                       len(x.Data)
//	x[i, j]                      x.At(i, j)
//	x[i, j] = v                  x.Set(i, j, v)
//	x[i]                         x.Row(i)
//	x[i:j]                       x.RowRange(i, j)
//	x[:, i:j]                    z.CopyCols(x, i, j)
//	x[rows]                      z.Gather(x, rows)
//	x.copy()                     x.Clone()
//	z[:] = x                     z.Copy(x)
//	x.reshape(r, c)              x.Reshape(r, c)
//	x.T                          z.T(x)
//	np.hstack((x, y))            z.HStack(x, y)
//	np.vstack((x, y))            z.VStack(x, y)
//	x @ w                        z.Mul(x, w)
//	x @ y.T                      z.MulT(x, y)
//	x.T @ y                      z.TMul(x, y)
//	z += x.T @ y                 z.AddTMul(x, y)
//	x + y                        z.Add(x, y)
//	x - row                      z.Sub(x, row)
//	x * y                        z.MulElem(x, y)
//	x / col                      z.DivElem(x, col)
//	x += y                       x.Add(x, y)
//	x + s                        z.AddScalar(x, s)
//	s * x                        z.Scale(s, x)
//	x + s * y                    z.AddScaled(x, s, y)
//	np.exp(x)                    z.Exp(x)
//	np.log(y)                    z.Log(y)
//	np.sqrt(y)                   z.Sqrt(y)
//	np.tanh(x)                   z.Tanh(x)
//	1 / (1 + np.exp(-x))         z.Sigmoid(x)
//	np.abs(x)                    z.Abs(x)
//	x ** p                       z.Pow(x, p)
//	np.clip(x, lo, hi)           z.Clip(x, lo, hi)
//	np.maximum(x, s)             z.MaxScalar(x, s)
//	np.minimum(x, s)             z.MinScalar(x, s)
//	np.vectorize(f)(x)           z.Apply(x, f)
//	x.sum()                      x.Sum()
//	x.sum(axis=0)                z.SumRows(x)
//	x.sum(axis=1)                z.SumCols(x)
//	z += x.sum(axis=0)           z.AddSumRows(x)
//	x.mean()                     x.Mean()
//	x.mean(axis=0)               z.MeanRows(x)
//	x.mean(axis=1)               z.MeanCols(x)
//	x.var()                      x.Var()
//	x.var(axis=0)                z.VarRows(x)
//	x.var(axis=1)                z.VarCols(x)
//	x.std(axis=0)                z.Sqrt(z.VarRows(x))
//	x.max()                      x.Max()
//	x.max(axis=0)                z.MaxRows(x)
//	x.max(axis=1)                z.MaxCols(x)
//	x.min()                      x.Min()
//	x.min(axis=0)                z.MinRows(x)
//	x.min(axis=1)                z.MinCols(x)
//	np.linalg.norm(x)            x.Norm()
//	np.linalg.norm(x, axis=0)    z.NormRows(x)
//	np.linalg.norm(x, axis=1)    z.NormCols(x)
//	x[i].argmax()                x.ArgMax(i)
//	x.argmax(axis=0)             z.ArgMaxRows(x)
//	x.argmax(axis=1)             z.ArgMaxCols(x)
//	np.array_equal(x, y)         x.Equal(y, 0)
//	np.allclose(x, y, 0, tol)    x.Equal(y, tol)
//	str(x)                       x.String()
package nn
