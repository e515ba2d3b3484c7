import Autograd
import Kernels
import Tensors

/// What one output of a pooling takes of one axis.
struct Bin: Sendable {
    let pixels: Range<Int>
    /// The pixels that its mean counts.
    let count: Int
}

/// The mean over boxes of pixels, one for each combination of a bin of each axis.
struct BoxMean: Operation {
    let depth: [Bin]
    let height: [Bin]
    let width: [Bin]
    let input: Volume

    private var boxes: Int { depth.count * height.count * width.count }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Shape) {
        let shape = inputs[0].shape
        let channels = shape[shape.rank - 1]
        let sizes = [depth.count, height.count, width.count].suffix(shape.rank - 2)
        let output = engine.tensor(Shape([shape[0]] + sizes + [channels])) { y in
            inputs[0].withElements { x in
                let (x, y) = (SharedSource(x), SharedPointer(y))
                engine.run(shape[0]) { image in
                    let source = x.base + image * input.count * channels
                    let target = y.base + image * boxes * channels
                    forEachBox { box, count in
                        let sums = target + box * channels
                        sums.update(repeating: 0, count: channels)
                        forEachRun(of: box) { first, pixels in
                            engine.kernels.rows.sum(source + first * channels, sums, pixels, channels, true)
                        }
                        engine.kernels.elementwise.scale(sums, 1 / Float(count), channels)
                    }
                }
            }
        }
        return (output, shape)
    }

    func backward(_ gradient: Tensor, _ shape: Shape, _ inputs: GradientSinks, _ engine: Engine) {
        let channels = shape[shape.rank - 1]
        inputs.write(0) { dx, adds in
            if !adds { dx.update(repeating: 0, count: shape.count) }
            gradient.withElements { dy in
                let (dy, dx) = (SharedSource(dy), SharedPointer(dx))
                engine.run(shape[0]) { image in
                    let source = dy.base + image * boxes * channels
                    let target = dx.base + image * input.count * channels
                    engine.withScratch(channels) { share in
                        forEachBox { box, count in
                            share.update(from: source + box * channels, count: channels)
                            engine.kernels.elementwise.scale(share, 1 / Float(count), channels)
                            forEachRun(of: box) { first, pixels in
                                engine.kernels.rows.addBias(target + first * channels, share, pixels, channels)
                            }
                        }
                    }
                }
            }
        }
    }

    /// Calls `body` with the number of each box and of the pixels that its mean counts.
    private func forEachBox(_ body: (_ box: Int, _ count: Int) -> Void) {
        for box in 0..<boxes {
            let (plane, row, column) = bins(of: box)
            body(box, plane.count * row.count * column.count)
        }
    }

    /// Calls `body` with the first pixel and the length of each run of neighbouring pixels in a box.
    private func forEachRun(of box: Int, _ body: (_ first: Int, _ pixels: Int) -> Void) {
        let (planes, rows, columns) = bins(of: box)
        if columns.pixels.count == input.width {
            // Whole rows follow each other.
            for plane in planes.pixels {
                body((plane * input.height + rows.pixels.lowerBound) * input.width, rows.pixels.count * input.width)
            }
            return
        }
        for plane in planes.pixels {
            for row in rows.pixels {
                body(
                    (plane * input.height + row) * input.width + columns.pixels.lowerBound, columns.pixels.count)
            }
        }
    }

    private func bins(of box: Int) -> (depth: Bin, height: Bin, width: Bin) {
        let (line, column) = box.quotientAndRemainder(dividingBy: width.count)
        let (plane, row) = line.quotientAndRemainder(dividingBy: height.count)
        return (depth[plane], height[row], width[column])
    }
}
