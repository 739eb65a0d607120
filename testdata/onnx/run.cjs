// Runs ONNX models with ONNX Runtime: node run.cjs MODULES LIST
//
// MODULES is a folder with node_modules/onnxruntime-node in it. LIST is a JSON
// file: [{model, optimize, type, dims, input, output}, …]. The input is read from
// the file of that name, numbers of the type (float32, float64 or int64),
// little-endian; the numbers of the output are written to another.
const fs = require('fs')
const path = require('path')
const { createRequire } = require('module')
const ort = createRequire(path.resolve(process.argv[2]) + path.sep)('onnxruntime-node')

const arrays = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array }

async function main() {
  for (const job of JSON.parse(fs.readFileSync(process.argv[3]))) {
    try {
      const bytes = new Uint8Array(fs.readFileSync(job.input))
      const data = new arrays[job.type](bytes.buffer, 0, job.dims.reduce((a, b) => a * b, 1))
      const session = await ort.InferenceSession.create(job.model, {
        graphOptimizationLevel: job.optimize,
        intraOpNumThreads: 1,
        logSeverityLevel: 3,
      })
      const { output } = await session.run({ input: new ort.Tensor(job.type, data, job.dims) })
      fs.writeFileSync(job.output, output.data)
      await session.release()
    } catch (e) {
      console.log(`${job.model}: ${e.message}`)
    }
  }
}

main()
