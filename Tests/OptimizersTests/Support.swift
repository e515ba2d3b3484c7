import Autograd
import Configuration
import Optimizers
import Tensors
import TestSupport

/// Leaves new parameters at zero.
struct Zeros: Initializer {
    func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {}
}

/// The parameters of the golden optimizer cases.
func goldenArena() -> ParameterArena {
    let builder = ParameterBuilder()
    for (name, shape) in [("matrix", [5, 7]), ("vector", [19]), ("number", [1])] as [(String, Shape)] {
        _ = builder.parameter(name, shape, Zeros())
    }
    return builder.build(seed: 0)
}

/// The optimizer that a section describes.
func optimizer(_ section: String) throws(ConfigurationError) -> OptimizerConfiguration {
    try ConfigurationReader.read(OptimizerConfiguration(), yaml: section, file: "optimizer")
}

/// The schedule that a section describes.
func schedule(_ section: String) throws(ConfigurationError) -> ScheduleConfiguration {
    try ConfigurationReader.read(ScheduleConfiguration(), yaml: section, file: "schedule")
}

extension ParameterArena {
    /// All values, copied.
    var elements: [Float] { Array(UnsafeBufferPointer(start: values, count: count)) }
}

extension GradientBlock {
    /// Writes a gradient, times `factor`.
    func set(_ gradient: [Float], times factor: Float = 1, for parameter: Parameter) {
        for (index, value) in zip(parameter.range, gradient) { base[index] = value * factor }
    }
}

extension Tensor {
    /// Row `index` of the outermost axis.
    func row(_ index: Int) -> Tensor {
        let shape = Shape(Array(shape.dimensions.dropFirst()))
        return Tensor(shape, Array(elements[index * shape.count..<(index + 1) * shape.count]))
    }
}
