import Datasets
import Foundation
import Messaging

/// What a worker asks of the coordinator's copy of the data set.
package struct SampleRequest: Codable, Equatable, Sendable {
    /// The largest number of samples of one request.
    static let limit = 256

    /// The samples that are wanted; none to ask what the data set is.
    package var samples: [SampleKey]

    /// Asks for `samples`, or with none for a description of the data set.
    package init(_ samples: [SampleKey] = []) { self.samples = samples }
}

/// One sample as a visit sees it.
package struct SampleKey: Codable, Hashable, Sendable {
    /// Whether it is of the test split.
    package let isTest: Bool
    /// The index in its split.
    package let index: Int
    /// Where in a longer recording the clip begins.
    package let moment: Float

    package init(_ index: Int, of split: Split, at moment: Float) {
        isTest = split == .test
        self.index = index
        self.moment = moment
    }

    package var split: Split { isTest ? .test : .train }
}

/// The answer to a request; the pixels of each sample that has no problem are in a frame of their own behind it.
package struct SampleReply: Codable, Equatable, Sendable {
    /// What is said about one sample.
    package struct Answer: Codable, Equatable, Sendable {
        /// The sample that was wanted.
        package let sample: SampleKey
        /// Its label, and its frames, rows, columns and channels; nil when it cannot be read.
        package let content: Content?
        /// Why it cannot be read.
        package let problem: String?

        package init(_ sample: SampleKey, content: Content? = nil, problem: String? = nil) {
            self.sample = sample
            self.content = content
            self.problem = problem
        }
    }

    /// What stands beside the pixels of a sample.
    package struct Content: Codable, Equatable, Sendable {
        /// The class.
        package let label: Int
        /// Frames, rows, columns and channels.
        package let shape: [Int]

        package init(label: Int, shape: [Int]) {
            self.label = label
            self.shape = shape
        }
    }

    /// An answer for each sample.
    package var answers: [Answer] = []
    /// What the data set is, when that was asked.
    package var description: DatasetDescription?
    /// Why there is no data set.
    package var problem: String?

    package init(_ answers: [Answer] = []) { self.answers = answers }
}

/// What a worker without a copy has to know of a data set.
package struct DatasetDescription: Codable, Equatable, Sendable {
    package let name: String
    package let classes: [String]
    /// Frames, rows, columns and channels.
    package let shape: [Int]
    package let mean: [Float]
    package let deviation: [Float]
    package let digest: String
    /// The number of samples of each split, training first.
    package let counts: [Int]
    /// The numbers of frames of the clips of each split; nil when all fill the shape.
    package let lengths: [[Int]]?

    package init(_ dataset: any Dataset) {
        name = dataset.name
        classes = dataset.classes
        shape = dataset.sampleShape.sizes
        mean = dataset.normalization.mean
        deviation = dataset.normalization.deviation
        digest = dataset.digest
        let splits = [Split.train, .test]
        counts = splits.map(dataset.count)
        let lengths = splits.map { split in (0..<dataset.count(split)).map { dataset.frames($0, of: split) } }
        let largest = dataset.sampleShape.frames
        self.lengths = lengths.joined().allSatisfy { $0 == largest } ? nil : lengths
    }

    /// Whether the numbers agree with each other.
    var isComplete: Bool {
        guard let shape = SampleShape(sizes: shape), mean.count == shape.channels,
            deviation.count == shape.channels, deviation.allSatisfy({ $0 > 0 }), counts.count == 2,
            counts.allSatisfy({ $0 >= 0 })
        else { return false }
        return lengths.map { $0.map(\.count) == counts } ?? true
    }
}

extension SampleShape {
    /// Frames, rows, columns and channels.
    var sizes: [Int] { [frames, height, width, channels] }

    /// The shape with the given frames, rows, columns and channels; nil when they make none of a reasonable size.
    init?(sizes: [Int]) {
        guard sizes.count == 4, sizes.allSatisfy({ (1...1 << 16).contains($0) }),
            sizes.reduce(1.0, { $0 * Double($1) }) <= 0x1p32
        else { return nil }
        self.init(frames: sizes[0], height: sizes[1], width: sizes[2], channels: sizes[3])
    }
}

/// Requests and replies as frames.
package enum SampleCodec {
    package static func frame(_ message: some Encodable) throws -> Frame { Frame(try JSONEncoder().encode(message)) }

    /// The message in `frame`; nil when it holds something else.
    package static func read<Message: Decodable>(_ frame: Frame?, as type: Message.Type = Message.self) -> Message? {
        frame.flatMap { try? JSONDecoder().decode(type, from: $0.data) }
    }
}
