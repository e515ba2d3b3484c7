import Configuration

/// A data set that can be opened by its name.
public struct DatasetEntry: Sendable {
    /// The name in a configuration.
    public let name: String
    /// What it holds, in one line.
    public let summary: String
    /// The transforms of training samples that suit it.
    public let augment: [TransformSetting]
    /// Opens it with its settings from the folder that holds the data set's own folder.
    public let open:
        @Sendable (_ configuration: DataConfiguration, _ folder: String) throws(DatasetError) -> any Dataset

    /// Makes an entry of the catalogue.
    public init(
        name: String, summary: String, augment: [any TransformDefinition] = [],
        open:
            @escaping @Sendable (
                _ configuration: DataConfiguration, _ folder: String
            ) throws(DatasetError) -> any Dataset
    ) {
        self.name = name
        self.summary = summary
        self.augment = augment.map(TransformSetting.init)
        self.open = open
    }
}

/// All data sets by name; a new one is a file of its own and a line here.
public enum DatasetCatalog {
    /// The known data sets.
    public static let entries: [DatasetEntry] = [
        CIFARBinary.cifar10,
        CIFARBinary.cifar100,
        Shapes.entry,
        MovingShapes.entry,
        FashionMNIST.entry,
        MediaFolder.imageFolder,
        MediaFolder.videoFolder,
        MediaFolder.ucf101,
    ]

    /// Opens the data set that `configuration` names, cut to its limit.
    ///
    /// - Parameter environmentPath: The value of `$CONVOY_DATA`, which the caller reads.
    /// - Throws: When the name is unknown, or the files are missing or not what they should be.
    public static func open(
        _ configuration: DataConfiguration, environmentPath: String?
    ) throws(DatasetError) -> any Dataset {
        guard let entry = entries.first(where: { $0.name == configuration.name }) else {
            throw DatasetError(unknown(configuration.name))
        }
        let dataset = try entry.open(configuration, configuration.folder(environmentPath: environmentPath))
        guard let limit = configuration.limit.value else { return dataset }
        return LimitedDataset(dataset, limit: limit)
    }

    /// Opens the data set that `configuration` names, with the transforms that it asks for.
    ///
    /// - Parameter environmentPath: The value of `$CONVOY_DATA`, which the caller reads.
    /// - Throws: As ``open(_:environmentPath:)``, or when the transforms do not fit the samples.
    public static func pipeline(
        _ configuration: DataConfiguration, environmentPath: String?
    ) throws(DatasetError) -> Pipeline {
        try pipeline(open(configuration, environmentPath: environmentPath), configuration)
    }

    /// A data set that is open, with the transforms that `configuration` asks for.
    ///
    /// - Throws: When the transforms do not fit the samples.
    public static func pipeline(
        _ dataset: any Dataset, _ configuration: DataConfiguration
    ) throws(DatasetError) -> Pipeline {
        try Pipeline(
            dataset, augment: configuration.augmentation, evaluation: configuration.evaluation,
            window: configuration.media.window, onError: configuration.onError,
            isBucketed: configuration.bucketByLength,
            normalization: configuration.normalize.value?.value)
    }

    /// Why `name` cannot be opened, or nil when the catalogue has it.
    static func problem(withName name: String) -> String? {
        entries.contains { $0.name == name } ? nil : unknown(name).description
    }

    private static func unknown(_ name: String) -> UnknownName {
        UnknownName(kind: "data set", name: name, known: entries.map(\.name))
    }
}
