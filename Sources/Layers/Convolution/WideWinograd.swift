import Kernels
import Tensors

/// Winograd's algorithm for so many weights that their transforms would not stay in the cache, nor even fit into memory
/// with ease: threads take some outputs each, transform the weights of these, and compute all images with them.
///
/// Weights are read, and their gradient is written, as they lie in the arenas, `[out, in, taps]`.
struct WideWinograd: Sendable {
    let forwardGrid: TileGrid
    let gradientGrid: TileGrid

    /// Outputs that a thread takes at a time, and channels of a slice: the transformed weights of both fit into a 1 MB
    /// second-level cache.
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
            engine.withScratch(taps * grid.channels * outputs.count) { packed in
                for channels in Self.slices(grid.channels) {
                    let pass = WinogradPass(channels: channels, outputs: outputs)
                    let sums = grid.weightCount(pass)
                    engine.withScratch(sums) { transformed in
                        transformed.update(repeating: 0, count: sums)
                        engine.withScratch(grid.gradientScratchCount(pass)) { scratch in
                            engine.kernels.winograd.weightGradient(
                                images.base, dy.base, transformed, count, grid, pass, scratch)
                        }
                        engine.kernels.winograd.restoreWeights(
                            transformed, packed, grid.narrowed(to: outputs.count),
                            WinogradPass(channels: channels, outputs: 0..<outputs.count))
                    }
                }
                engine.kernels.convolution.unpackWeights(
                    packed, dw.base + outputs.lowerBound * grid.channels * taps, outputs.count, grid.channels, taps,
                    adds)
            }
        }
    }

    /// Channels that are taken one slice after the other.
    private static func slices(_ channels: Int) -> [Range<Int>] {
        stride(from: 0, to: channels, by: grain).map { $0..<min($0 + grain, channels) }
    }

    /// Has `pack` give the packed weights of some outputs, and computes these of all images.
    private func convolve(
        _ images: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ grid: TileGrid, _ adds: Bool,
        _ engine: Engine, _ pack: @escaping @Sendable (_ outputs: Range<Int>, _ packed: Destination) -> Void
    ) {
        let (images, output, bias) = (SharedSource(images), SharedPointer(output), bias.map { SharedSource($0) })
        let taps = taps
        // Few strips need the weights once only, so they are taken slice by slice; many come in several groups.
        let strips = count * grid.imageStrips * grid.depth
        let slices = strips <= grid.groupStrips ? Self.slices(grid.channels) : [0..<grid.channels]
        engine.split(grid.outputs, grain: Self.grain) { outputs in
            engine.withScratch(taps * grid.channels * outputs.count) { packed in
                pack(outputs, packed)
                for channels in slices {
                    let pass = WinogradPass(channels: channels, outputs: outputs)
                    engine.withScratch(grid.weightCount(pass)) { weights in
                        engine.kernels.winograd.transformWeights(
                            packed, weights, grid.narrowed(to: outputs.count),
                            WinogradPass(channels: channels, outputs: 0..<outputs.count))
                        let isFirst = channels.lowerBound == 0
                        engine.withScratch(grid.scratchCount(pass)) { scratch in
                            engine.kernels.winograd.convolve(
                                images.base, weights, isFirst ? bias?.base : nil, output.base, count, grid, pass,
                                scratch, adds || !isFirst)
                        }
                    }
                }
            }
        }
    }
}
