import Tensors

extension Tensor {
    /// `[N, C, H, W]` to `[N, H, W, C]`.
    public func channelsLast() -> Tensor {
        let (images, channels, pixels) = (shape[0], shape[1], shape[2] * shape[3])
        return Tensor([images, shape[2], shape[3], channels]) {
            reorder(to: $0, images: images, rows: channels, columns: pixels)
        }
    }

    /// `[N, H, W, C]` to `[N, C, H, W]`.
    public func channelsFirst() -> Tensor {
        let (images, channels, pixels) = (shape[0], shape[3], shape[1] * shape[2])
        return Tensor([images, channels, shape[1], shape[2]]) {
            reorder(to: $0, images: images, rows: pixels, columns: channels)
        }
    }

    /// Transposes each image's `[rows, columns]`.
    private func reorder(to target: UnsafeMutablePointer<Float>, images: Int, rows: Int, columns: Int) {
        withElements { source in
            for image in 0..<images {
                let start = image * rows * columns
                for row in 0..<rows {
                    for column in 0..<columns {
                        target[start + column * rows + row] = source[start + row * columns + column]
                    }
                }
            }
        }
    }
}
