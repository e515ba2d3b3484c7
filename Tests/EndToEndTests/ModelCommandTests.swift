import Checkpoints
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Networks on the command line")
    struct ModelCommandTests {
        private static let model = [
            "model.layers=[{name: conv, conv2d: {out: 2, kernel: 3}}, batch_norm2d, flatten, {linear: {out: classes}}]"
        ]
        private static let features = 2 * 30 * 30

        /// Writes a weights file for the model above; `change` makes it another one.
        private static func weights(
            at path: String, change: (inout [String: (shape: [Int], elements: [Double])]) -> Void = { _ in }
        ) throws {
            var tensors: [String: (shape: [Int], elements: [Double])] = [:]
            for (name, shape) in [
                ("conv.weight", [2, 3, 3, 3]), ("conv.bias", [2]), ("1.weight", [2]), ("1.bias", [2]),
                ("1.running_mean", [2]), ("1.running_var", [2]), ("3.weight", [10, features]), ("3.bias", [10]),
            ] {
                tensors[name] = (shape, (0..<shape.reduce(1, *)).map { Double($0 % 7) / 16 })
            }
            change(&tensors)
            var writer = SafeTensorsWriter()
            for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
                // Half of them in double precision, which is converted.
                if name.hasSuffix("bias") {
                    try writer.add(name, shape: tensor.shape, tensor.elements)
                } else {
                    try writer.add(name, shape: tensor.shape, tensor.elements.map(Float.init))
                }
            }
            try writer.write(to: path)
        }

        private static func batch(at path: String, targets: [Int64] = [1, 7]) throws {
            var writer = SafeTensorsWriter()
            let pixels = (0..<targets.count * 3 * 32 * 32).map { Float($0 % 13) / 8 - 0.75 }
            try writer.add("input", shape: [targets.count, 3, 32, 32], pixels)
            try writer.add("target", shape: [targets.count], targets)
            try writer.write(to: path)
        }

        @Test("gradients takes what init wrote and writes loss, logits, gradients and updated buffers")
        func gradients() throws {
            try Sandbox.with { sandbox in
                let (weights, batch) = (sandbox.path + "/weights", sandbox.path + "/batch")
                let output = sandbox.path + "/output"
                let initial = try sandbox.finish(["init", "--output", weights] + Self.model)
                #expect(try initial.end() == .status(0), "\(initial.standardError)")
                try Self.batch(at: batch)
                let process = try sandbox.finish(
                    ["gradients", "--weights", weights, "--batch", batch, "--output", output] + Self.model)
                #expect(try process.end() == .status(0), "\(process.standardError)")
                let file = try SafeTensorsFile(path: output)
                let names = try SafeTensorsFile(path: weights).tensors.map(\.name)
                let buffers = names.filter { $0.contains("running") || $0.contains("num_batches") }
                let parameters = names.filter { !buffers.contains($0) }
                #expect(
                    Set(file.tensors.map(\.name))
                        == Set(["loss", "logits"] + parameters.map { "grad.\($0)" } + buffers.map { "buffer.\($0)" }))
                #expect(try file.elements("logits", as: Float.self, shape: [2, 10]).allSatisfy(\.isFinite))
                #expect(try file.elements("loss", as: Float.self, shape: [1])[0] > 0)
                #expect(try file.elements("buffer.1.num_batches_tracked", as: Int64.self, shape: []) == [1])
                // The gradient of the logits' bias sums up to zero over the classes.
                let bias = try file.elements("grad.3.bias", as: Float.self, shape: [10])
                #expect(abs(bias.reduce(0, +)) < 1e-5 && bias.contains { $0 < 0 })
            }
        }

        @Test("gradients writes the outputs of layers that it is asked for in PyTorch's order of axes")
        func outputs() throws {
            try Sandbox.with { sandbox in
                let (weights, batch) = (sandbox.path + "/weights", sandbox.path + "/batch")
                let output = sandbox.path + "/output"
                try Self.weights(at: weights)
                try Self.batch(at: batch)
                func finish(_ layers: String...) throws -> ConvoyProcess {
                    try sandbox.finish(
                        ["gradients", "--weights", weights, "--batch", batch, "--output", output] + Self.model
                            + layers.flatMap { ["--layer", $0] })
                }
                let process = try finish("conv", "2", "3")
                #expect(try process.end() == .status(0), "\(process.standardError)")
                let file = try SafeTensorsFile(path: output)
                let logits = try file.elements("logits", as: Float.self, shape: [2, 10])
                #expect(try file.elements("output.3", as: Float.self, shape: [2, 10]) == logits)
                let convolved = try file.elements("output.conv", as: Float.self, shape: [2, 2, 30, 30])
                // Batch norm maps the second channel of the first image linearly, with a weight above zero: values keep
                // their order, each in its place, which is what channels before rows and columns look like.
                let flat = try file.elements("output.2", as: Float.self, shape: [2, Self.features])
                let channel = 900..<1800
                #expect(Set(convolved[channel]).count > 10)
                for place in channel.dropFirst() {
                    let (before, after) = (convolved[place] - convolved[900], flat[place] - flat[900])
                    #expect(abs(before) < 1e-3 || (before < 0) == (after < 0), "place \(place)")
                }

                let unknown = try finish("con")
                #expect(try unknown.end() == .status(1))
                #expect(
                    unknown.standardError
                        == "Error: unknown layer 'con'; known: conv, 1, 2, 3; did you mean 'conv'?\n")
            }
        }

        @Test("a weights file that does not fit is refused by its tensor, and nothing is written")
        func unusableWeights() throws {
            try Sandbox.with { sandbox in
                let (weights, batch) = (sandbox.path + "/weights", sandbox.path + "/batch")
                let output = sandbox.path + "/output"
                try Self.batch(at: batch)
                typealias Tensors = [String: (shape: [Int], elements: [Double])]
                let faults: [(String, (inout Tensors) -> Void)] = [
                    (
                        "tensor 'conv.bias' is missing; model 'custom' has 8 tensors, the file 7",
                        { $0["conv.bias"] = nil }
                    ),
                    (
                        "tensor 'conv.bia' is none of model 'custom', whose tensors begin with conv.weight, "
                            + "conv.bias, 1.weight; did you mean 'conv.bias'?",
                        { $0["conv.bia"] = ([2], [0, 0]) }
                    ),
                    (
                        "tensor '1.weight' is F32 of shape [3], expected F32 of shape [2]",
                        { $0["1.weight"] = ([3], [0, 0, 0]) }
                    ),
                    (
                        "tensor '1.running_mean' holds nan at place 1; every number must be finite in single precision",
                        { $0["1.running_mean"]?.elements[1] = .nan }
                    ),
                    (
                        "tensor '3.bias' holds inf at place 4; every number must be finite in single precision",
                        { $0["3.bias"]?.elements[4] = 1e300 }
                    ),
                ]
                for (text, change) in faults {
                    try Self.weights(at: weights, change: change)
                    let process = try sandbox.finish(
                        ["gradients", "--weights", weights, "--batch", batch, "--output", output] + Self.model)
                    #expect(try process.end() == .status(1))
                    #expect(process.standardError == "Error: \(weights): \(text)\n")
                    #expect(!FileManager.default.fileExists(atPath: output))
                }
                try Self.weights(at: weights)
                try Self.batch(at: batch, targets: [1, 10])
                let process = try sandbox.finish(
                    ["gradients", "--weights", weights, "--batch", batch, "--output", output] + Self.model)
                #expect(try process.end() == .status(1))
                #expect(
                    process.standardError
                        == "Error: \(batch): tensor 'target' holds 10 at place 1, but the data set has 10 classes\n")
                try Self.batch(at: batch)
                let good = try sandbox.finish(
                    ["gradients", "--weights", weights, "--batch", batch, "--output", output] + Self.model)
                #expect(try good.end() == .status(0), "\(good.standardError)")
            }
        }

        @Test("a network that does not fit the data set is refused before there is a run")
        func misfit() throws {
            try Sandbox.with { sandbox in
                let file = try sandbox.write(
                    "model: {layers: [flatten, {conv2d: {out: 2, kernel: 3}}]}\n", to: "a.yaml")
                let process = try sandbox.finish(["local", "--config", file, "run.directory=\(sandbox.runs)"])
                #expect(try process.end() == .status(2))
                #expect(
                    process.standardError
                        == "Error: \(file): the network of model.layers does not fit the data set: layer '1' (conv2d) "
                        + "takes an image [H, W, 3072], but its input is a sample of shape [3072]\n")
                #expect(try sandbox.runDirectories.isEmpty)
            }
        }

        private static let python = Python.path(importing: "torch, safetensors.torch")

        @Test(
            "PyTorch takes Convoy's weights, Convoy takes PyTorch's, and gradients agree, for every network and list of layers",
            .enabled(if: python != nil, "no Python with torch and safetensors on this host"))
        func agreement() throws {
            let check = URL(fileURLWithPath: #filePath).appending(path: "../../../scripts/golden/check.py")
            let (status, output) = try Python.run(
                Self.python ?? "",
                [check.standardizedFileURL.path, "--convoy", ConvoyProcess.program])
            #expect(status == 0, "\(output)")
        }
    }
}
