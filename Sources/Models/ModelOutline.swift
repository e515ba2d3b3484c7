import Autograd
import Layers
import Tensors

/// What a network for certain samples is made of, without memory for its parameters.
public struct ModelOutline: Sendable {
    /// What displays and files call the network.
    public let name: String
    /// One sample's shape.
    public let sample: Shape
    /// The number of logits.
    public let classes: Int
    /// The layers by name, inner ones before those that hold them.
    public let summary: [LayerSummary]
    /// The number of trained numbers.
    public let parameters: Int
    /// From a batch of samples to logits `[N, classes]`.
    let layers: any Layer

    /// Makes the layers and checks that they fit the samples.
    ///
    /// - Throws: ``ModelError`` for an unknown name, and for layers that cannot take what reaches them.
    public init(_ configuration: ModelConfiguration, sample: Shape, classes: Int) throws(ModelError) {
        try self.init(configuration, sample: sample, classes: classes, ParameterBuilder())
    }

    init(
        _ configuration: ModelConfiguration, sample: Shape, classes: Int, _ builder: ParameterBuilder
    ) throws(ModelError) {
        let descriptions: [LayerDescription]
        do { descriptions = try configuration.network() } catch { throw ModelError.unknown(error) }
        let assembly = NetworkAssembly(classes: classes)
        do throws(LayerError) {
            let (layers, output) = try assembly.chain(descriptions, builder, for: sample)
            guard output == [classes] else { throw Self.wrongEnd(assembly.summary.last, output, classes) }
            self.layers = layers
        } catch {
            throw ModelError.misfit(configuration.subject, error)
        }
        guard builder.trainableCount <= Self.mostParameters else {
            throw ModelError.tooLarge(configuration.subject, builder.trainableCount)
        }
        name = configuration.title
        self.sample = sample
        self.classes = classes
        summary = assembly.summary
        parameters = builder.trainableCount
    }

    private static func wrongEnd(_ last: LayerSummary?, _ output: Shape, _ classes: Int) -> LayerError {
        LayerError(
            path: last?.path ?? "", kind: last?.kind ?? "",
            problem: "ends the network with a sample of shape \(output), but \(classes) classes need [\(classes)]; "
                + "let the last layer be {linear: {out: classes}}")
    }

    /// 16 GiB of float32, of which training holds several copies.
    private static let mostParameters = 1 << 32
}

extension ModelOutline {
    /// A table of the layers with output shapes and numbers of parameters, and their total.
    public var table: String {
        let header = ["layer", "kind", "output", "parameters"]
        let rows = summary.filter { $0.kind != Sequential.kind }
            .map { [$0.path, $0.kind, "\($0.output)", Self.grouped($0.parameters)] }
        let total = ["total", "", "", Self.grouped(parameters)]
        let all = [header] + rows + [total]
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = row.enumerated().map { column, text in
                let space = String(repeating: " ", count: widths[column] - text.count)
                return column == header.count - 1 ? space + text : text + space
            }
            return cells.joined(separator: "  ")
        }
        .joined(separator: "\n")
    }

    /// Digits in groups of three.
    private static func grouped(_ number: Int) -> String {
        let digits = String(number)
        return digits.enumerated().map { index, digit in
            (index > 0 && (digits.count - index) % 3 == 0 ? "," : "") + String(digit)
        }
        .joined()
    }
}
