import Autograd
import Configuration
import Tensors

/// A weight `[out, …]`, read as a matrix of `out` rows, whose rows or columns, whichever are fewer, are orthogonal and
/// of length `gain`; matches `torch.nn.init.orthogonal_`, sign convention included.
///
/// - Source: Saxe et al. 2013.
public struct Orthogonal: WeightInitializer, Initializer {
    /// The name in the configuration.
    public static let name = "orthogonal"

    /// The length of rows or columns.
    public var gain = 1.0

    /// A gain of 1.
    public init() {}

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] { gainProblems(gain) }

    /// Writes the numbers.
    public func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        let rows = shape[0]
        let columns = shape.count / max(rows, 1)
        let (count, length) = (min(rows, columns), max(rows, columns))
        for index in 0..<shape.count { elements[index] = random.normal() }
        orthonormalize(elements, count: count, length: length)
        if rows > columns {
            let vectors = Array(UnsafeBufferPointer(start: elements, count: shape.count))
            for row in 0..<rows {
                for column in 0..<columns { elements[row * columns + column] = vectors[column * rows + row] }
            }
        }
        for index in 0..<shape.count { elements[index] *= Float(gain) }
    }
}
