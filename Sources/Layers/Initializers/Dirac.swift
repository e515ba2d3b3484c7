import Autograd
import Configuration
import Tensors

/// Filters that pass channel i of the input as channel i of the output; matches `torch.nn.init.dirac_`.
///
/// Linear layers, which have no centre, keep their own initial values.
public struct Dirac: WeightInitializer, Initializer {
    /// The name in the configuration.
    public static let name = "dirac"

    /// There is nothing to configure.
    public init() {}

    /// Itself for filters `[out, in, …]` of one or more dimensions.
    public func initializer(for shape: Shape) -> (any Initializer)? { shape.rank > 2 ? self : nil }

    /// Writes a 1 at the centre of filter i of input channel i, 0 elsewhere.
    public func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        elements.update(repeating: 0, count: shape.count)
        let field = shape.dimensions.dropFirst(2)
        let centre = field.reduce(0) { $0 * $1 + $1 / 2 }
        let size = field.reduce(1, *)
        for channel in 0..<min(shape[0], shape[1]) {
            elements[(channel * shape[1] + channel) * size + centre] = 1
        }
    }
}
