import Configuration
import Datasets
import Foundation
import Testing

@Suite("Data set catalogue and configuration")
struct CatalogTests {
    private static let datasets = [
        "cifar10", "cifar100", "shapes", "moving_shapes", "fashion_mnist", "image_folder", "video_folder", "ucf101",
    ]
    private static let known = datasets.joined(separator: ", ")

    private static func shapes(limit: Int?) throws -> any Dataset {
        var configuration = DataConfiguration()
        configuration.name = "shapes"
        configuration.limit = Nullable(limit)
        return try DatasetCatalog.open(configuration, environmentPath: nil)
    }

    @Test("names are unique and the built-in set opens without files")
    func listsNames() throws {
        #expect(DatasetCatalog.entries.map(\.name) == Self.datasets)
        #expect(DatasetCatalog.entries.allSatisfy { !$0.summary.isEmpty })
        #expect(try Self.shapes(limit: nil).count(.train) == 20000)
    }

    @Test("an unknown data set is named with the known ones and the nearest")
    func namesUnknown() throws {
        var configuration = DataConfiguration()
        configuration.name = "cifar"
        let error = try #require(throws: DatasetError.self) {
            _ = try DatasetCatalog.open(configuration, environmentPath: nil)
        }
        #expect(
            "\(error)"
                == "unknown data set 'cifar'; known: \(Self.known); did you mean 'cifar10'?")
    }

    @Test("a limit cuts the training split and leaves the test split")
    func limits() throws {
        let limited = try Self.shapes(limit: 30)
        #expect(limited.count(.train) == 30)
        #expect(limited.count(.test) == 4000)
        #expect(limited.digest == Shapes().digest)
        #expect(try Self.shapes(limit: 30000).count(.train) == 20000)
        var (first, second) = (Sample(limited.sampleShape), Sample(limited.sampleShape))
        try limited.read(29, of: .train, into: &first)
        try Shapes().read(29, of: .train, into: &second)
        #expect(first.pixels == second.pixels)
    }

    @Test("data is looked for in the configured folder, else in the environment's, else in 'data'")
    func choosesFolder() {
        var configuration = DataConfiguration()
        #expect(configuration.folder(environmentPath: nil) == "data")
        #expect(configuration.folder(environmentPath: "") == "data")
        #expect(configuration.folder(environmentPath: "/set") == "/set")
        configuration.path = Nullable("mine")
        #expect(configuration.folder(environmentPath: "/set") == "mine")
    }

    @Test("a configuration survives encoding, with keys in snake case")
    func encodes() throws {
        var configuration = DataConfiguration()
        configuration.name = "cifar100"
        configuration.limit = Nullable(5)
        configuration.path = Nullable("there")
        configuration.augment = Nullable([])
        configuration.loaderThreads = 3
        let encoded = try JSONEncoder().encode(configuration)
        #expect(try JSONDecoder().decode(DataConfiguration.self, from: encoded) == configuration)
        let keys = try #require(try JSONSerialization.jsonObject(with: encoded) as? [String: Any]).keys.sorted()
        #expect(
            keys == [
                "augment", "bucket_by_length", "delivery", "evaluation", "limit", "loader_threads", "media", "name",
                "normalize",
                "on_error", "path",
            ])
    }

    @Test("defaults have no problems; every wrong value is named by its key")
    func findsProblems() {
        #expect(DataConfiguration().problems().isEmpty)
        var configuration = DataConfiguration()
        configuration.name = "shape"
        configuration.path = Nullable("")
        configuration.limit = Nullable(0)
        configuration.evaluation = [TransformSetting(HorizontalFlip())]
        configuration.loaderThreads = 0
        #expect(
            configuration.problems().map { "\($0.key): \($0.problem)" } == [
                "name: names an unknown data set 'shape'; known: \(Self.known); did you mean 'shapes'?",
                "path: names no folder, it is empty; write null or a folder",
                "limit: must be null or at least 1, found 0",
                "evaluation[0]: is horizontal_flip, which is random; an evaluation takes center_crop, resize, pad, greyscale, equalize",
                "loader_threads: must be between 1 and 64, found 0",
            ])
    }

    private struct Root: Codable, Sendable {
        var data = DataConfiguration()
    }

    private static func read(_ yaml: String) throws -> [TransformSetting] {
        try ConfigurationReader.read(Root(), yaml: yaml, file: "file.yaml").data.augmentation
    }

    @Test("a transform is a name or a name with parameters, and reads back as written")
    func readsTransforms() throws {
        var crop = RandomCrop()
        crop.padding = 2
        var sized = RandomCrop()
        sized.size.value = 8
        sized.padding = 0
        let text = "data: {augment: [horizontal_flip, {random_crop: {padding: 2}}, {random_crop: {size: 8}}]}"
        let settings = try Self.read(text)
        #expect(settings == [TransformSetting(HorizontalFlip()), TransformSetting(crop), TransformSetting(sized)])
        var root = Root()
        root.data.augment.value = settings
        #expect(try Self.read(ConfigurationWriter.write(root)) == settings)
        #expect(try Self.read("data: {name: cifar10}").count == 2)
        #expect(try Self.read("data: {name: moving_shapes}").isEmpty)
    }

    @Test(
        "what is no transform or no parameter is named with file, line and key",
        arguments: [
            (
                "[flip]",
                "'data.augment[0]' names an unknown transform 'flip'; known: \(Self.names)"
            ),
            (
                "[random_crop, {random_crap: {padding: 2}}]",
                "'data.augment[1]' names an unknown transform 'random_crap'; known: \(Self.names); "
                    + "did you mean 'random_crop'?"
            ),
            (
                "[{random_crop: {pading: 2}}]",
                "unknown key 'data.augment[0].random_crop.pading'; did you mean 'data.augment[0].random_crop.padding'?"
            ),
            (
                "[{random_crop: {padding: -1}}]",
                "'data.augment[0].random_crop.padding' must be between 0 and 1024, found -1"
            ),
            (
                "[{random_crop: {padding: 1}, horizontal_flip: {}}]",
                "'data.augment[0]' expects the name of a transform, or one name with its parameters"
            ),
        ])
    func refusesTransforms(list: String, problem: String) throws {
        let error = try #require(throws: ConfigurationError.self) {
            _ = try Self.read("data:\n  augment: \(list)\n")
        }
        #expect("\(error)" == "file.yaml:2: \(problem)")
    }

    private static let names = TransformCatalog.entries.map { $0.name }.joined(separator: ", ")
}
