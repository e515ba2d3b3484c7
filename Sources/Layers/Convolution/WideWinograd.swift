import Kernels
import Tensors

/// Winograd's algorithm for so many weights that their transforms would not stay in the cache, nor even fit into memory
/// with ease: threads take some outputs each, transform the weights of these, and compute all images with them.
///
/// Weights are read, and their gradient is written, as they lie in the arenas, `[out, in, taps]`.
struct WideWinograd: Sendable {
    let forwardGrid: TileGrid
    let gradientGrid: TileGrid

    /// Outputs that a thread takes at a time: their transformed weights fit into the cache.
    private static let grain = 64

    private var taps: Int { 9 * forwardGrid.kernelDepth }

    /// Writes all output images.
    func forward(
        _ images: Source, _ weight: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ engine: Engine
    ) {
        let weight = SharedSource(weight)
        let rowCount = forwardGrid.channels * taps
        convolve(images, bias, output, count, forwardGrid, false, engine) { outputs, packed in
            engine.kernels.convolution.packWeights(
                weight.base + outputs.lowerBound * rowCount, packed, outputs.count, forwardGrid.channels, taps)
        }
    }

    /// Writes the gradient of all input images, or adds to it.
    func inputGradient(
        _ dy: Source, _ weight: Source, _ dx: Destination, _ count: Int, _ adds: Bool, _ engine: Engine
    ) {
        let weight = SharedSource(weight)
        convolve(dy, nil, dx, count, gradientGrid, adds, engine) { channels, packed in
            engine.kernels.convolution.packFlippedWeights(
                weight.base, packed, forwardGrid.outputs, forwardGrid.channels, taps, channels)
        }
    }

    /// Writes the gradient of the weights, or adds to it.
    func weightGradient(
        _ images: Source, _ dy: Source, _ dw: Destination, _ count: Int, _ adds: Bool, _ engine: Engine
    ) {
        let (images, dy, dw) = (SharedSource(images), SharedSource(dy), SharedPointer(dw))
        let (grid, taps) = (forwardGrid, taps)
        engine.split(grid.outputs, grain: Self.grain) { outputs in
            let sums = grid.weightCount(outputs.count)
            engine.withScratch(sums) { transformed in
                transformed.update(repeating: 0, count: sums)
                engine.withScratch(grid.scratchCount(outputs.count)) { scratch in
                    engine.kernels.winograd.weightGradient(
                        images.base, dy.base, transformed, count, grid, outputs, scratch)
                }
                engine.withScratch(taps * grid.channels * outputs.count) { packed in
                    engine.kernels.winograd.restoreWeights(
                        transformed, packed, grid.narrowed(to: outputs.count), 0..<outputs.count)
                    engine.kernels.convolution.unpackWeights(
                        packed, dw.base + outputs.lowerBound * grid.channels * taps, outputs.count, grid.channels, taps,
                        adds)
                }
            }
        }
    }

    /// Has `pack` give the packed weights of some outputs, and computes these of all images.
    private func convolve(
        _ images: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ grid: TileGrid, _ adds: Bool,
        _ engine: Engine, _ pack: @escaping @Sendable (_ outputs: Range<Int>, _ packed: Destination) -> Void
    ) {
        let (images, output, bias) = (SharedSource(images), SharedPointer(output), bias.map { SharedSource($0) })
        let taps = taps
        engine.split(grid.outputs, grain: Self.grain) { outputs in
            engine.withScratch(grid.weightCount(outputs.count)) { weights in
                engine.withScratch(taps * grid.channels * outputs.count) { packed in
                    pack(outputs, packed)
                    engine.kernels.winograd.transformWeights(
                        packed, weights, grid.narrowed(to: outputs.count), 0..<outputs.count)
                }
                engine.withScratch(grid.scratchCount(outputs.count)) { scratch in
                    engine.kernels.winograd.convolve(
                        images.base, weights, bias?.base, output.base, count, grid, outputs, scratch, adds)
                }
            }
        }
    }
}
