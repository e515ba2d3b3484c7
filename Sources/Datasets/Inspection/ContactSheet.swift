import Media

/// A picture with some samples of each class: a row for each class, of clips the middle frame.
public struct ContactSheet: Sendable {
    /// The columns of the picture.
    public let width: Int
    /// The rows of the picture.
    public let height: Int
    /// Red, green and blue, row by row.
    public let pixels: [UInt8]

    /// Draws the first `columns` samples of each class of a split; unreadable ones are left out.
    public init(_ dataset: any Dataset, _ split: Split = .train, columns: Int = 10) {
        let shape = dataset.sampleShape
        // Two pixels between samples.
        let (cellHeight, cellWidth) = (shape.height + 2, shape.width + 2)
        let (width, height) = (columns * cellWidth + 2, dataset.classes.count * cellHeight + 2)
        var pixels = [UInt8](repeating: 32, count: 3 * width * height)
        var filled = [Int](repeating: 0, count: dataset.classes.count)
        var sample = Sample(shape)
        for index in 0..<dataset.count(split) where filled.contains(where: { $0 < columns }) {
            guard (try? dataset.read(index, of: split, into: &sample)) != nil, filled[sample.label] < columns else {
                continue
            }
            let left = filled[sample.label] * cellWidth + 2
            let top = sample.label * cellHeight + 2
            filled[sample.label] += 1
            let frame = sample.shape.frames / 2 * shape.height
            sample.withPixels { source in
                for row in 0..<shape.height {
                    for column in 0..<shape.width {
                        let place = ((frame + row) * shape.width + column) * shape.channels
                        for channel in 0..<3 {
                            pixels[3 * ((top + row) * width + left + column) + channel] =
                                source[place + min(channel, shape.channels - 1)]
                        }
                    }
                }
            }
        }
        (self.width, self.height, self.pixels) = (width, height, pixels)
    }

    /// Writes the picture as PNG.
    ///
    /// - Throws: When the file cannot be written.
    public func write(to path: String) throws(DatasetError) {
        do {
            try PNGFile.write(pixels, width: width, height: height, to: path)
        } catch {
            throw DatasetError(file: path, problem: error.problem, remedy: "choose a folder that can be written")
        }
    }
}
