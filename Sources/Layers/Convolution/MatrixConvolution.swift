import Kernels
import Tensors

/// Packs windows into rows and multiplies them with the weights `[taps · C, K]`; serves every convolution.
///
/// With groups, each tap of a group is a product of its own, so that the packed rows need no other order.
struct MatrixConvolution: PlainAlgorithm {
    static let name = "matrix"
    let geometry: ConvolutionGeometry

    private var rowCount: Int { geometry.windows.packedCount }

    func forward(
        _ images: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ engine: Engine
    ) -> Bool {
        withPackedRows(images, count, engine) { rows in
            var written = -1
            forEachProduct { product in
                multiply(
                    MatrixOperand(rows + product.inputColumn, stride: rowCount),
                    MatrixOperand(weights + product.weightOffset, stride: geometry.groupOutputs),
                    into: output + product.outputColumn, stride: geometry.outputs, m: count * geometry.pixels,
                    n: geometry.groupOutputs, k: product.width, accumulate: written == product.group)
                written = product.group
            }
        }
        return false
    }

    func inputGradient(
        _ dy: Source, _ weights: Source, _ dx: Destination, _ count: Int, _ adds: Bool, _ engine: Engine
    ) {
        if geometry.isPointwise && geometry.groups == 1 {
            multiply(
                MatrixOperand(dy, stride: geometry.outputs),
                MatrixOperand(weights, stride: geometry.outputs).transposed, into: dx, stride: rowCount,
                m: count * geometry.pixels, n: rowCount, k: geometry.outputs, accumulate: adds)
            return
        }
        if !adds { dx.update(repeating: 0, count: count * geometry.imageCount) }
        engine.withScratch(count * geometry.pixels * rowCount) { rows in
            forEachProduct { product in
                multiply(
                    MatrixOperand(dy + product.outputColumn, stride: geometry.outputs),
                    MatrixOperand(weights + product.weightOffset, stride: geometry.groupOutputs).transposed,
                    into: rows + product.inputColumn, stride: rowCount, m: count * geometry.pixels, n: product.width,
                    k: geometry.groupOutputs)
            }
            for index in 0..<count {
                engine.kernels.convolution.unpackAdding(
                    rows + index * geometry.pixels * rowCount, dx + index * geometry.imageCount, geometry.windows)
            }
        }
    }

    func addWeightGradient(_ images: Source, _ dy: Source, _ sums: Destination, _ count: Int, _ engine: Engine) {
        withPackedRows(images, count, engine) { rows in
            forEachProduct { product in
                multiply(
                    MatrixOperand(rows + product.inputColumn, stride: rowCount).transposed,
                    MatrixOperand(dy + product.outputColumn, stride: geometry.outputs),
                    into: sums + product.weightOffset, stride: geometry.groupOutputs, m: product.width,
                    n: geometry.groupOutputs, k: count * geometry.pixels, accumulate: true)
            }
        }
    }

    /// One of the matrix products that make up the convolution.
    private struct Product {
        let group: Int
        /// Its first column in the packed rows and in the output.
        let inputColumn, outputColumn: Int
        /// The number of packed columns.
        let width: Int
        /// Where its weights `[width, K/G]` begin.
        let weightOffset: Int
    }

    private func forEachProduct(_ body: (Product) -> Void) {
        if geometry.groups == 1 {
            return body(Product(group: 0, inputColumn: 0, outputColumn: 0, width: rowCount, weightOffset: 0))
        }
        for group in 0..<geometry.groups {
            for tap in 0..<geometry.taps {
                body(
                    Product(
                        group: group, inputColumn: tap * geometry.windows.channels + group * geometry.groupInputs,
                        outputColumn: group * geometry.groupOutputs, width: geometry.groupInputs,
                        weightOffset: group * geometry.groupWeights
                            + tap * geometry.groupInputs * geometry.groupOutputs))
            }
        }
    }

    private func withPackedRows(_ images: Source, _ count: Int, _ engine: Engine, _ body: (Source) -> Void) {
        if geometry.isPointwise { return body(images) }
        engine.withScratch(count * geometry.pixels * rowCount) { rows in
            for index in 0..<count {
                engine.kernels.convolution.pack(
                    images + index * geometry.imageCount, rows + index * geometry.pixels * rowCount, geometry.windows)
            }
            body(rows)
        }
    }
}
