import Configuration
import Tensors

/// A random change of a training sample that keeps its label; the pixels of a clip's frames change alike.
///
/// - Determinism: the result depends on the sample and the random stream alone.
public protocol Transform: Sendable {
    /// The name in ``TransformCatalog``.
    var name: String { get }

    /// Changes `sample` in place, with random numbers from `random`.
    func apply(to sample: inout Sample, random: inout RandomStream)
}

/// All transforms by name; a new one is a file of its own and a line here.
public enum TransformCatalog {
    /// The known transforms.
    public static let entries: [any Transform] = [
        RandomCrop(),
        HorizontalFlip(),
    ]

    /// The transforms with these names, in this order.
    ///
    /// - Throws: When a name is unknown.
    public static func transforms(named names: [String]) throws(DatasetError) -> [any Transform] {
        var transforms: [any Transform] = []
        for name in names {
            guard let entry = entries.first(where: { $0.name == name }) else {
                throw DatasetError(unknown(name))
            }
            transforms.append(entry)
        }
        return transforms
    }

    /// Why `name` cannot be used, or nil when the catalogue has it.
    static func problem(withName name: String) -> String? {
        entries.contains { $0.name == name } ? nil : unknown(name).description
    }

    private static func unknown(_ name: String) -> UnknownName {
        UnknownName(kind: "transform", name: name, known: entries.map(\.name))
    }
}
