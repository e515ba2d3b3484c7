import Configuration
import Datasets
import Foundation
import Testing

@Suite("Data set catalogue and configuration")
struct CatalogTests {
    private static func shapes(limit: Int?) throws -> any Dataset {
        var configuration = DataConfiguration()
        configuration.name = "shapes"
        configuration.limit = Nullable(limit)
        return try DatasetCatalog.open(configuration, environmentPath: nil)
    }

    @Test("names are unique and the built-in set opens without files")
    func listsNames() throws {
        #expect(DatasetCatalog.entries.map(\.name) == ["cifar10", "cifar100", "shapes"])
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
        #expect("\(error)" == "unknown data set 'cifar'; known: cifar10, cifar100, shapes; did you mean 'cifar10'?")
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
        configuration.augment = []
        configuration.loaderThreads = 3
        let encoded = try JSONEncoder().encode(configuration)
        #expect(try JSONDecoder().decode(DataConfiguration.self, from: encoded) == configuration)
        let keys = try #require(try JSONSerialization.jsonObject(with: encoded) as? [String: Any]).keys.sorted()
        #expect(keys == ["augment", "delivery", "limit", "loader_threads", "name", "path"])
    }

    @Test("defaults have no problems; every wrong value is named by its key")
    func findsProblems() {
        #expect(DataConfiguration().problems().isEmpty)
        var configuration = DataConfiguration()
        configuration.name = "shape"
        configuration.path = Nullable("")
        configuration.limit = Nullable(0)
        configuration.augment = ["random_crop", "flip"]
        configuration.loaderThreads = 0
        #expect(
            configuration.problems().map { "\($0.key): \($0.problem)" } == [
                "name: names an unknown data set 'shape'; known: cifar10, cifar100, shapes; did you mean 'shapes'?",
                "path: names no folder, it is empty; write null or a folder",
                "limit: must be null or at least 1, found 0",
                "augment: names an unknown transform 'flip'; known: random_crop, horizontal_flip",
                "loader_threads: must be between 1 and 64, found 0",
            ])
    }
}
