/// What the elements of a stored tensor are; raw values are the names in a safetensors header.
public enum ElementType: String, Sendable, CaseIterable {
    /// Truth values of one byte.
    case bool = "BOOL"
    /// Unsigned integers of 8 bits.
    case uint8 = "U8"
    /// Signed integers of 8 bits.
    case int8 = "I8"
    /// Unsigned integers of 16 bits.
    case uint16 = "U16"
    /// Signed integers of 16 bits.
    case int16 = "I16"
    /// Half precision numbers.
    case float16 = "F16"
    /// Brain floating point numbers: the upper half of a single precision number.
    case bfloat16 = "BF16"
    /// Unsigned integers of 32 bits.
    case uint32 = "U32"
    /// Signed integers of 32 bits.
    case int32 = "I32"
    /// Single precision numbers.
    case float32 = "F32"
    /// Unsigned integers of 64 bits.
    case uint64 = "U64"
    /// Signed integers of 64 bits.
    case int64 = "I64"
    /// Double precision numbers.
    case float64 = "F64"

    /// The size of one element in bytes.
    public var byteCount: Int {
        switch self {
        case .bool, .uint8, .int8: 1
        case .uint16, .int16, .float16, .bfloat16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        }
    }
}

/// A Swift type whose arrays are stored as they lie in memory; hosts are little-endian like the format.
public protocol TensorElement: BitwiseCopyable, Sendable {
    /// The element type in the file.
    static var elementType: ElementType { get }
}

extension Float: TensorElement {
    /// Stored as `F32`.
    public static var elementType: ElementType { .float32 }
}
extension Double: TensorElement {
    /// Stored as `F64`.
    public static var elementType: ElementType { .float64 }
}
extension Int64: TensorElement {
    /// Stored as `I64`.
    public static var elementType: ElementType { .int64 }
}
extension UInt64: TensorElement {
    /// Stored as `U64`.
    public static var elementType: ElementType { .uint64 }
}
extension Int32: TensorElement {
    /// Stored as `I32`.
    public static var elementType: ElementType { .int32 }
}
extension UInt8: TensorElement {
    /// Stored as `U8`.
    public static var elementType: ElementType { .uint8 }
}

/// Name, element type and shape of a stored tensor.
public struct TensorDescription: Hashable, Sendable {
    /// The name, unique in its file.
    public let name: String
    /// What the elements are.
    public let type: ElementType
    /// The size of each axis, outermost first.
    public let shape: [Int]

    /// Describes a tensor.
    public init(_ name: String, _ type: ElementType, _ shape: [Int]) {
        self.name = name
        self.type = type
        self.shape = shape
    }

    /// The size of the elements in bytes; nil when an axis is negative or the product exceeds 63 bits.
    public var byteCount: Int? {
        guard shape.allSatisfy({ $0 >= 0 }) else { return nil }
        if shape.contains(0) { return 0 }
        return shape.reduce(type.byteCount as Int?) { size, axis in
            guard let size else { return nil }
            let (product, overflow) = size.multipliedReportingOverflow(by: axis)
            return overflow ? nil : product
        }
    }
}

/// A safetensors file that cannot be read or written, or that does not hold what is asked of it.
public struct SafeTensorsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file, or what the bytes were called.
    public let file: String
    /// The tensor concerned, if one is.
    public let tensor: String?
    /// What is wrong.
    public let problem: String

    /// Makes an error.
    public init(_ file: String, tensor: String? = nil, _ problem: String) {
        self.file = file
        self.tensor = tensor
        self.problem = problem
    }

    /// One sentence: file, tensor, problem.
    public var description: String {
        tensor.map { "\(file): tensor '\($0)' \(problem)" } ?? "\(file): \(problem)"
    }
}
