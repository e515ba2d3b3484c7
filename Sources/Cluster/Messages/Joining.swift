import Messaging

/// How a worker introduces itself.
///
/// Its id is the name under which the transport knows it.
public struct Hello: Codable, Sendable, Equatable {
    /// The build of the program.
    public var build: String
    /// The name of the host.
    public var host: String
    /// The process id on that host.
    public var pid: Int32
    /// Compute threads; nil for as many as the configuration says.
    public var threads: Int?
    /// The kernel set in use, such as `avx512`.
    public var kernels: String
    /// OpenBLAS' core type, such as `SkylakeX`.
    public var blasCore: String
    /// Where other workers reach it.
    public var dataAddress: String
    /// What it has in common with those that can share memory with it; empty when nobody can.
    public var memoryDomain: String

    /// Introduces a worker.
    public init(
        build: String, host: String, pid: Int32, threads: Int?, kernels: String, blasCore: String, dataAddress: String,
        memoryDomain: String = ""
    ) {
        self.build = build
        self.host = host
        self.pid = pid
        self.threads = threads
        self.kernels = kernels
        self.blasCore = blasCore
        self.dataAddress = dataAddress
        self.memoryDomain = memoryDomain
    }

    var problem: String? {
        if pid < 1 { return "pid is \(pid)" }
        if let threads, threads < 1 { return "threads is \(threads)" }
        return [build, host, kernels, blasCore, dataAddress, memoryDomain].lazy.compactMap(textProblem).first
    }
}

/// What must be the same in all workers of a run, as named fields in the order in which they are compared.
public struct Identity: Codable, Sendable, Equatable {
    /// One thing that must be the same.
    public struct Field: Codable, Sendable, Equatable {
        /// What it is, in words that an operator understands.
        public var name: String
        /// Its value, often a digest.
        public var value: String

        /// Names a value.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A field in which two identities differ; nil where a side does not have it.
    public struct Difference: Sendable, Equatable {
        /// The field's name.
        public let name: String
        /// The value of the one asked.
        public let mine: String?
        /// The value of the other.
        public let other: String?

        package init(name: String, mine: String?, other: String?) {
            self.name = name
            self.mine = mine
            self.other = other
        }
    }

    /// The fields, in order.
    public var fields: [Field]

    /// An identity of these fields.
    public init(_ fields: [Field]) { self.fields = fields }

    /// The first field in which this identity differs from `other`, or nil when they agree in all.
    public func difference(from other: Identity) -> Difference? {
        for field in other.fields {
            let mine = fields.first { $0.name == field.name }?.value
            if mine != field.value { return Difference(name: field.name, mine: mine, other: field.value) }
        }
        for field in fields where !other.fields.contains(where: { $0.name == field.name }) {
            return Difference(name: field.name, mine: field.value, other: nil)
        }
        return nil
    }

    var problem: String? {
        if fields.count > 64 { return "an identity has \(fields.count) fields" }
        return fields.lazy.compactMap { textProblem($0.name) ?? textProblem($0.value) }.first
    }
}

/// The run that the coordinator offers to a worker; the run's id stands in the envelope.
public struct RunOffer: Codable, Sendable, Equatable {
    /// The complete configuration as YAML.
    public var yaml: String
    /// After how long a silence the coordinator counts as lost, in seconds.
    public var heartbeatTimeoutSeconds: Double

    /// Offers a run.
    public init(yaml: String, heartbeatTimeoutSeconds: Double) {
        self.yaml = yaml
        self.heartbeatTimeoutSeconds = heartbeatTimeoutSeconds
    }

    var problem: String? {
        (0.1...1e6).contains(heartbeatTimeoutSeconds) ? nil : "heartbeat timeout is \(heartbeatTimeoutSeconds) s"
    }
}

/// A worker's place in a generation.
public struct Assignment: Codable, Sendable, Equatable {
    /// One worker of the generation.
    public struct Member: Codable, Sendable, Equatable, CustomStringConvertible {
        /// Its rank.
        public var rank: Int
        /// The name under which the transports know it.
        public var id: PeerID
        /// Its host's name.
        public var host: String
        /// Its process id on that host.
        public var pid: Int32
        /// Where other workers reach it.
        public var dataAddress: String
        /// What it has in common with those that can share memory with it; empty when nobody can.
        public var memoryDomain: String

        /// Names a worker of a generation.
        public init(
            rank: Int, id: PeerID, host: String, pid: Int32, dataAddress: String, memoryDomain: String = ""
        ) {
            self.rank = rank
            self.id = id
            self.host = host
            self.pid = pid
            self.dataAddress = dataAddress
            self.memoryDomain = memoryDomain
        }

        /// What people call it.
        public var description: String { "worker \(rank) (\(host), pid \(pid))" }
    }

    /// The number of this member list, counted from 1.
    public var generation: Int
    /// The receiver's rank.
    public var rank: Int
    /// All members, by rank.
    public var members: [Member]
    /// The first step to train, counted from 0.
    public var firstStep: Int

    /// Gives a worker its place.
    public init(generation: Int, rank: Int, members: [Member], firstStep: Int) {
        self.generation = generation
        self.rank = rank
        self.members = members
        self.firstStep = firstStep
    }

    var problem: String? {
        if generation < 1 { return "generation is \(generation)" }
        if firstStep < 0 { return "the first step is \(firstStep)" }
        if !members.indices.contains(rank) { return "rank \(rank) is not among \(members.count) members" }
        return members.enumerated().contains { $0.offset != $0.element.rank } ? "members are not in rank order" : nil
    }
}

/// Why `text` cannot be shown as part of a line, or nil.
///
/// What one host says is printed on another one's terminal.
func textProblem(_ text: String) -> String? {
    if text.utf8.count > 1024 { return "a text of \(text.utf8.count) bytes is too long" }
    return text.unicodeScalars.contains { $0.properties.generalCategory == .control }
        ? "a text holds control codes" : nil
}
