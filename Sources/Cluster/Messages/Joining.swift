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
    /// Where other workers reach it with gradients.
    public var dataAddress: String
    /// What it has in common with those that can share memory with it; empty when nobody can.
    public var memoryDomain: String
    /// Where others reach it with the state of a replica.
    public var stateAddress: String
    /// The generation that it belongs to; nil when it wants to join anew.
    public var attachedGeneration: Int?

    /// Introduces a worker.
    public init(
        build: String, host: String, pid: Int32, threads: Int?, kernels: String, blasCore: String, dataAddress: String,
        memoryDomain: String = "", stateAddress: String, attachedGeneration: Int? = nil
    ) {
        self.build = build
        self.host = host
        self.pid = pid
        self.threads = threads
        self.kernels = kernels
        self.blasCore = blasCore
        self.dataAddress = dataAddress
        self.memoryDomain = memoryDomain
        self.stateAddress = stateAddress
        self.attachedGeneration = attachedGeneration
    }

    var problem: String? {
        if let attachedGeneration, attachedGeneration < 1 { return "it belongs to generation \(attachedGeneration)" }
        if pid < 1 { return "pid is \(pid)" }
        if let threads, threads < 1 { return "threads is \(threads)" }
        return [build, host, kernels, blasCore, dataAddress, memoryDomain, stateAddress].lazy.compactMap(textProblem)
            .first
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

/// What a worker says once it has built everything.
public struct Readiness: Codable, Sendable, Equatable {
    /// What must be the same in all workers.
    public var identity: Identity
    /// The number of steps that its replica has applied; more than 0 when it took part in the run before.
    public var steps: Int
    /// The hash of its parameters; nil when it says none.
    public var parameterHash: String?

    /// A worker that is ready.
    public init(_ identity: Identity, steps: Int = 0, parameterHash: String? = nil) {
        self.identity = identity
        self.steps = steps
        self.parameterHash = parameterHash
    }

    var problem: String? {
        steps < 0 ? "\(steps) applied steps" : identity.problem ?? textProblem(parameterHash ?? "")
    }
}

/// The run that the coordinator offers to a worker; the run's id stands in the envelope.
public struct RunOffer: Codable, Sendable, Equatable {
    /// The complete configuration as YAML.
    public var yaml: String
    /// After how long a silence the coordinator counts as lost, in seconds.
    public var heartbeatTimeoutSeconds: Double
    /// How long a worker goes on without its coordinator, in seconds.
    public var reattachTimeoutSeconds: Double
    /// Where the coordinator hands out samples of its data set; nil when it hands out none.
    public var samples: String?

    /// Offers a run.
    public init(
        yaml: String, heartbeatTimeoutSeconds: Double, reattachTimeoutSeconds: Double, samples: String? = nil
    ) {
        self.yaml = yaml
        self.samples = samples
        self.heartbeatTimeoutSeconds = heartbeatTimeoutSeconds
        self.reattachTimeoutSeconds = reattachTimeoutSeconds
    }

    var problem: String? {
        [heartbeatTimeoutSeconds, reattachTimeoutSeconds].allSatisfy((0.1...1e6).contains)
            ? textProblem(samples ?? "")
            : "timeouts are \(heartbeatTimeoutSeconds) s and \(reattachTimeoutSeconds) s"
    }
}

/// Why `text` cannot be shown as part of a line, or nil.
///
/// What one host says is printed on another one's terminal.
func textProblem(_ text: String) -> String? {
    if text.utf8.count > 1024 { return "a text of \(text.utf8.count) bytes is too long" }
    return text.unicodeScalars.contains(where: \.isControl) ? "a text holds control codes" : nil
}

extension Unicode.Scalar {
    /// Whether it is of the general category Cc: these, for good.
    var isControl: Bool { value < 0x20 || (0x7f...0x9f).contains(value) }
}
