import Configuration
import Layers
import Tensors

/// A kind of layer that a configuration can name, with its options; sizes that follow from the input are left out.
///
/// Options are optional where PyTorch has a default, and that default then holds.
protocol LayerKind: Codable, Sendable, Equatable, ValidatedSection {
    /// The key in a configuration: PyTorch's class in lower case.
    static var kind: String { get }

    /// Makes the layer for the samples that reach its place in the network.
    func layer(_ site: LayerSite) throws(LayerError) -> any Layer
}

/// A kind that needs no options, so that its bare name describes it.
protocol PlainLayerKind: LayerKind {
    /// The layer with PyTorch's defaults.
    init()
}

extension LayerKind {
    /// Nothing is wrong with options that can take any value of their type.
    func problems() -> [(key: String, problem: String)] { [] }
}

/// The number of features or channels that a layer gives: a number, or `classes` for as many as the data set has.
enum Width: Codable, Equatable, Sendable, ExpressibleByIntegerLiteral {
    case count(Int)
    case classes

    init(integerLiteral value: Int) { self = .count(value) }

    /// Reads a whole number or the word `classes`.
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let count = try? container.decode(Int.self) {
            self = .count(count)
        } else if (try? container.decode(String.self)) == "classes" {
            self = .classes
        } else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath,
                    debugDescription: "expects a whole number, or 'classes' for as many as the data set has"))
        }
    }

    /// Writes the number or the word.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .count(let count): try container.encode(count)
        case .classes: try container.encode("classes")
        }
    }

    /// The number, if the description says one.
    var count: Int? { if case .count(let count) = self { count } else { nil } }
}
