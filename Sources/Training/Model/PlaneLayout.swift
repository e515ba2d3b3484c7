import Tensors

/// The order of axes in files, PyTorch's, beside the engine's.
extension Tensor {
    /// `[…, C, H, W]` to `[…, H, W, C]`.
    func channelsLast() -> Tensor {
        let axes = shape.dimensions.suffix(3)
        return transposedPlanes(rows: axes.first ?? 1, columns: axes.dropFirst().reduce(1, *)) {
            [$0[1], $0[2], $0[0]]
        }
    }

    /// `[…, H, W, C]` to `[…, C, H, W]`.
    func channelsFirst() -> Tensor {
        let axes = shape.dimensions.suffix(3)
        return transposedPlanes(rows: axes.dropLast().reduce(1, *), columns: axes.last ?? 1) { [$0[2], $0[0], $0[1]] }
    }

    /// Each block of the last three axes as a matrix, transposed; `order` names the axes then.
    private func transposedPlanes(rows: Int, columns: Int, _ order: ([Int]) -> [Int]) -> Tensor {
        let axes = shape.dimensions
        return Tensor(Shape(axes.dropLast(3) + order(Array(axes.suffix(3))))) { target in
            withElements { source in
                for index in 0..<count {
                    let (line, column) = index.quotientAndRemainder(dividingBy: columns)
                    let (block, row) = line.quotientAndRemainder(dividingBy: rows)
                    target[(block * columns + column) * rows + row] = source[index]
                }
            }
        }
    }
}
