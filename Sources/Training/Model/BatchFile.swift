import Checkpoints
import Tensors

/// A batch from a safetensors file: `input` (N,C,H,W) or (N,T,C,H,W), `target` (N) and, for clips of unequal length,
/// `lengths` (N).
struct BatchFile {
    /// The samples with their channels last.
    let input: Tensor
    let targets: [Int32]
    let lengths: [Int]?

    /// One sample's shape.
    var sample: Shape { Shape(Array(input.shape.dimensions.dropFirst())) }

    /// Reads the file and checks each number in it.
    ///
    /// - Throws: `SafeTensorsError`, which names the tensor.
    init(path: String) throws {
        let file = try SafeTensorsFile(path: path)
        let known = ["input", "target", "lengths"]
        if let other = file.tensors.first(where: { !known.contains($0.name) }) {
            throw SafeTensorsError(
                path, tensor: other.name, "is none of those that make a batch: \(known.joined(separator: ", "))")
        }
        let shape = file.description(of: "input")?.shape ?? []
        let elements = try file.floats("input")
        guard [4, 5].contains(shape.count), !elements.isEmpty else {
            throw SafeTensorsError(
                path, tensor: "input", "has the shape \(shape), expected (N,C,H,W) for images or (N,T,C,H,W) for clips")
        }
        input = Tensor(Shape(shape), elements).channelsLast()
        targets = try Self.integers(file, "target", count: shape[0], allowed: 0...Int64(Int32.max)).map(Int32.init)
        guard file.description(of: "lengths") != nil else {
            lengths = nil
            return
        }
        guard shape.count == 5 else {
            throw SafeTensorsError(path, tensor: "lengths", "needs clips, but 'input' has the shape \(shape)")
        }
        lengths = try Self.integers(file, "lengths", count: shape[0], allowed: 1...Int64(shape[1])).map(Int.init)
    }

    /// Checks that each target is a class.
    ///
    /// - Throws: `SafeTensorsError`, which names the place.
    func check(classes: Int, file: String) throws(SafeTensorsError) {
        guard let place = targets.firstIndex(where: { $0 >= classes }) else { return }
        throw SafeTensorsError(
            file, tensor: "target", "holds \(targets[place]) at place \(place), but the data set has \(classes) classes"
        )
    }

    private static func integers(
        _ file: SafeTensorsFile, _ name: String, count: Int, allowed: ClosedRange<Int64>
    ) throws -> [Int64] {
        let values = try file.elements(name, as: Int64.self, shape: [count])
        if let place = values.firstIndex(where: { !allowed.contains($0) }) {
            throw SafeTensorsError(
                file.name, tensor: name,
                "holds \(values[place]) at place \(place), expected \(allowed.lowerBound) to \(allowed.upperBound)")
        }
        return values
    }
}
