import Tensors

extension Tensor {
    /// `[N, C, H, W]` to `[N, H, W, C]`, `[N, C, T, H, W]` to `[N, T, H, W, C]`; with another `axis`, that one goes last.
    public func channelsLast(axis: Int = 1) -> Tensor {
        let sizes = shape.dimensions
        let inner = sizes[(axis + 1)...]
        return Tensor(Shape(sizes[..<axis] + inner + [sizes[axis]])) {
            reorder(to: $0, blocks: sizes[..<axis].reduce(1, *), rows: sizes[axis], columns: inner.reduce(1, *))
        }
    }

    /// The way back: the last axis becomes axis `axis`.
    public func channelsFirst(axis: Int = 1) -> Tensor {
        let sizes = shape.dimensions
        let inner = sizes[axis..<sizes.count - 1]
        return Tensor(Shape(sizes[..<axis] + sizes.suffix(1) + inner)) {
            reorder(to: $0, blocks: sizes[..<axis].reduce(1, *), rows: inner.reduce(1, *), columns: sizes.last ?? 1)
        }
    }

    /// Transposes each block's `[rows, columns]`.
    private func reorder(to target: UnsafeMutablePointer<Float>, blocks: Int, rows: Int, columns: Int) {
        withElements { source in
            for block in 0..<blocks {
                let start = block * rows * columns
                for row in 0..<rows {
                    for column in 0..<columns {
                        target[start + column * rows + row] = source[start + row * columns + column]
                    }
                }
            }
        }
    }
}
