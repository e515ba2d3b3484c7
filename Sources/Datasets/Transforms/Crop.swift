/// Cutting rectangles out of samples, as several transforms do.
enum Crop {
    /// The shape of a crop of `size` × `size` pixels from a sample with `padding` pixels at each side.
    ///
    /// - Throws: When the sample is too small; `name` names the transform.
    static func outputShape(
        for shape: SampleShape, size: Int, padding: Int = 0, by name: String
    ) throws(DatasetError) -> SampleShape {
        guard size <= min(shape.height, shape.width) + 2 * padding else {
            throw DatasetError(
                problem: "\(name) cannot cut \(size)×\(size) pixels out of a sample of \(shape)",
                remedy: "set its size to at most \(min(shape.height, shape.width) + 2 * padding)")
        }
        return SampleShape(frames: shape.frames, height: size, width: size, channels: shape.channels)
    }

    /// Makes pixel (y, x) the one that was at (y + origin.y, x + origin.x), or black where there was none.
    static func cut(_ sample: inout Sample, from origin: (y: Int, x: Int), height: Int, width: Int) {
        let shape = sample.shape
        let result = SampleShape(frames: shape.frames, height: height, width: width, channels: shape.channels)
        let columns = max(0, origin.x)..<max(0, origin.x, min(shape.width, origin.x + width))
        let left = (columns.lowerBound - origin.x) * shape.channels
        sample.replacePixels(with: result) { source, target in
            target.initialize(repeating: 0, count: result.count)
            for frame in 0..<shape.frames {
                for row in 0..<height where (0..<shape.height).contains(row + origin.y) && !columns.isEmpty {
                    let from = (frame * shape.height + row + origin.y) * shape.width + columns.lowerBound
                    (target + (frame * height + row) * result.rowBytes + left).update(
                        from: source + from * shape.channels, count: columns.count * shape.channels)
                }
            }
        }
    }
}
