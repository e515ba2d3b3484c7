extension SafeTensorsFile {
    /// The elements of the tensor `name` as single precision numbers, whatever precision the file has them in.
    ///
    /// Double precision is rounded to the nearest; half precision and bfloat16 are exact.
    ///
    /// - Throws: ``SafeTensorsError`` when there is no such tensor, it has another shape or holds no floating-point
    ///   numbers, and when one of them is infinite or not a number.
    public func floats(_ name: String, shape: [Int]? = nil) throws -> [Float] {
        let type = description(of: name)?.type
        let elements: [Float] =
            switch type {
            case .float64: try self.elements(name, as: Double.self, shape: shape).map(Float.init)
            case .float16: try self.elements(name, as: Float16.self, shape: shape).map(Float.init)
            case .bfloat16:
                try self.elements(name, as: BrainFloat.self, shape: shape).map {
                    Float(bitPattern: UInt32($0.bits) << 16)
                }
            default: try self.elements(name, as: Float.self, shape: shape)
            }
        if let index = elements.firstIndex(where: { !$0.isFinite }) {
            throw SafeTensorsError(
                self.name, tensor: name,
                "holds \(elements[index]) at place \(index); every number must be finite in single precision")
        }
        return elements
    }
}

extension Float16: TensorElement {
    /// Stored as `F16`.
    public static var elementType: ElementType { .float16 }
}

/// The upper half of a single precision number.
private struct BrainFloat: TensorElement {
    static var elementType: ElementType { .bfloat16 }
    let bits: UInt16
}
