import Autograd
import Configuration
import Foundation
import Models
import Tensors
import TestSupport
import Testing

@Suite("Networks as lists of layers")
struct LayerListTests {
    /// The part of a run's configuration that describes a network.
    private struct Section: Codable, Sendable {
        var model = ModelConfiguration()
    }

    private static let guide = URL(fileURLWithPath: #filePath).appending(path: "../../../docs/models.md")
        .standardizedFileURL

    /// The examples of the guide: blocks of YAML that say what samples they are for.
    private static func examples() throws -> [String] {
        let text = try String(contentsOf: guide, encoding: .utf8)
        return text.components(separatedBy: "```yaml\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
    }

    private static func configuration(_ yaml: String) throws -> ModelConfiguration {
        try ConfigurationReader.read(Section(), yaml: yaml, file: "test.yaml").model
    }

    private static func configuration(layers: String) throws -> ModelConfiguration {
        try configuration("model: {layers: \(layers)}")
    }

    private static func sample(_ example: String) -> Shape {
        example.hasPrefix("# clips") ? [6, 12, 12, 3] : [16, 20, 3]
    }

    /// What reading or building says.
    private func problem(_ layers: String, sample: Shape = [8, 8, 3]) -> String {
        do {
            let configuration = try Self.configuration(layers: layers)
            return "no problem: \(try ModelOutline(configuration, sample: sample, classes: 4).parameters)"
        } catch {
            return "\(error)"
        }
    }

    @Test("every example of the guide makes a network that computes logits and gradients")
    func examples() throws {
        let examples = try Self.examples()
        #expect(examples.count >= 6)
        var generator = CaseGenerator(seed: 3)
        for example in examples {
            let sample = Self.sample(example)
            let model = try Model(try Self.configuration(example), sample: sample, classes: 4, seed: 1)
            let input = generator.tensor(Shape([2] + sample.dimensions))
            let pass = Pass(model.layers, model.arena, input, engine: try Engine()) { $0 }
            #expect(pass.output.shape == [2, 4])
            #expect(pass.gradients.values.allSatisfy { $0.elements.allSatisfy(\.isFinite) }, "\(example)")
        }
    }

    @Test("the guide has an example of every kind of layer")
    func coverage() throws {
        let words = Set(
            try Self.examples().joined().split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init))
        #expect(LayerCatalog.names.filter { !words.contains($0) } == [])
    }

    @Test("a description survives being written and read")
    func roundTrip() throws {
        for example in try Self.examples() {
            let configuration = try Self.configuration(example)
            let written = try ConfigurationWriter.write(Section(model: configuration))
            #expect(try Self.configuration(written) == configuration, "\(written)")
        }
    }

    @Test("the catalogue's networks are descriptions that survive being written and read")
    func catalogue() throws {
        for definition in ModelCatalog.all {
            var configuration = ModelConfiguration()
            configuration.layers.value = definition.layers
            let written = try ConfigurationWriter.write(Section(model: configuration))
            #expect(try Self.configuration(written) == configuration, "\(definition.name)")
        }
    }

    @Test("parameters are called by places and names as in PyTorch's modules")
    func names() throws {
        let layers = """
            [{name: conv1, conv2d: {out: 4, kernel: 3}}, relu, {residual: {body: [{conv2d: {out: 4, kernel: 1}}],
              shortcut: [{conv2d: {out: 4, kernel: 1, bias: false}}]}}, [{name: "", batch_norm2d: }, flatten],
             {linear: {out: classes}}]
            """
        let model = try Model(try Self.configuration(layers: layers), sample: [8, 8, 3], classes: 4, seed: 1)
        #expect(
            model.arena.parameters.map(\.name) == [
                "conv1.weight", "conv1.bias", "2.0.weight", "2.0.bias", "2.shortcut.0.weight", "3.weight", "3.bias",
                "4.weight", "4.bias",
            ])
        #expect(model.arena.buffers.map(\.name) == ["3.running_mean", "3.running_var"])
    }

    @Test("a fault in a description is refused with its line, its key and the nearest name")
    func descriptions() {
        let known = LayerCatalog.names.joined(separator: ", ")
        for (layers, text) in [
            ("[relo]", "'model.layers[0]' names an unknown layer 'relo'; known: \(known); did you mean 'relu'?"),
            (
                "[relu, {conv2: {}}]",
                "'model.layers[1]' names an unknown layer 'conv2'; known: \(known); did you mean 'conv2d'?"
            ),
            (
                "[conv2d]",
                "'model.layers[0]' gives 'conv2d' no options, but it needs some; docs/models.md shows them"
            ),
            ("[{conv2d: {kernel: 3}}]", "'model.layers[0].conv2d.out' is missing"),
            (
                "[{conv2d: {out: 4, kernel: 3, paddin: 1}}]",
                "unknown key 'model.layers[0].conv2d.paddin'; did you mean 'model.layers[0].conv2d.padding'?"
            ),
            (
                "[{conv2d: {out: all, kernel: 3}}]",
                "'model.layers[0].conv2d.out' expects a whole number, or 'classes' for as many as the data set has"
            ),
            (
                "[{conv2d: {out: 4, kernel: [3]}}]",
                "'model.layers[0].conv2d.kernel' expects a whole number, or a list of 2 for H, W"
            ),
            (
                "[{conv2d: {out: 4, kernel: [3, 0]}}]",
                "'model.layers[0].conv2d.kernel' must be between 1 and 65536, found 0"
            ),
            (
                "[{max_pool2d: {kernel: 2, padding: 2}}]",
                "'model.layers[0].max_pool2d.padding' must be at most half of the kernel, found [2, 2] for [2, 2]"
            ),
            (
                "[[{dropout: {probability: 1}}]]",
                "'model.layers[0][0].dropout.probability' must be at least 0 and below 1, found 1.0"
            ),
            (
                "[{conv2d: {out: 4, kernel: 3}, relu: }]",
                "'model.layers[0]' describes 'conv2d' and 'relu' at once; give each layer an item of its own, its options inside it"
            ),
            (
                "[{name: a}]",
                "'model.layers[0]' names no kind of layer, as in {name: conv1, conv2d: {out: 16, kernel: 3}}"
            ),
            ("[{name: a.b, relu: }]", "'model.layers[0].name' must hold no dots and no spaces, found 'a.b'"),
            ("[]", "'model.layers' must hold at least one layer, or be null"),
            (
                "[{residual: {body: [{gelu: {approximate: tan}}]}}]",
                "'model.layers[0].residual.body[0].gelu.approximate' expects one of none, tanh, found 'tan'; did you mean 'tanh'?"
            ),
        ] {
            #expect(problem(layers) == "test.yaml:1: \(text)")
        }
    }

    @Test("layers that do not fit are refused with the layer's name and kind and both shapes")
    func misfits() {
        let subject = "the network of model.layers does not fit the data set: "
        for (layers, text) in [
            (
                "[flatten, {conv2d: {out: 4, kernel: 3}}]",
                "layer '1' (conv2d) takes an image [H, W, 192], but its input is a sample of shape [192]"
            ),
            (
                "[[{name: a, conv2d: {out: 4, kernel: 9}}]]",
                "layer '0.a' (conv2d) takes an image of at least 9×9 pixels, but its input is a sample of shape [8, 8, 3]"
            ),
            (
                "[{conv2d: {out: 4, kernel: 3, groups: 2}}]",
                "layer '0' (conv2d) takes an image whose channels, as well as the 4 of its output, make 2 groups, "
                    + "but its input is a sample of shape [8, 8, 3]"
            ),
            (
                "[{residual: {body: [{conv2d: {out: 4, kernel: 3}}]}}]",
                "layer '0' (residual) takes a sample of which both branches make the same shape, "
                    + "not [6, 6, 4] and [8, 8, 3], but its input is a sample of shape [8, 8, 3]"
            ),
            (
                "[flatten, {frames: [relu]}]",
                "layer '1' (frames) takes a clip [T, H, W, C] or a sequence [T, F], but its input is a sample of shape [192]"
            ),
            (
                "[flatten, {name: rnn, lstm: {hidden: 3}}]",
                "layer 'rnn' (lstm) takes a sequence [T, 192], but its input is a sample of shape [192]"
            ),
            (
                "[{name: a, relu: }, {name: a, relu: }]",
                "layer 'a' (relu) has the name of another layer; give each a name of its own"
            ),
            (
                "[flatten, {linear: {out: 5}}]",
                "layer '1' (linear) ends the network with a sample of shape [5], but 4 classes need [4]; "
                    + "let the last layer be {linear: {out: classes}}"
            ),
        ] {
            #expect(problem(layers) == subject + text)
        }
        #expect(
            problem("[{linear: {out: 65536}}, {linear: {out: 65536}}, {linear: {out: classes}}]", sample: [3])
                == "the network of model.layers would have 4295557124 parameters, too many for this program; "
                + "make its layers narrower")
    }
}
