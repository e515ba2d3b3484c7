import Cluster
import Messaging
import Testing

@Suite("CoordinatorState, joining")
struct CoordinatorJoiningTests {
    @Test("workers get ranks in order of joining, whatever the order in which they are ready")
    func startsInJoiningOrder() {
        var bench = CoordinatorBench(workers: 2)
        bench.say(.hello(hello("b")), "b")
        bench.say(.hello(hello("a")), "a")
        bench.say(.ready(Readiness(sameIdentity)), "a")
        #expect(bench.starts.isEmpty)
        bench.say(.ready(Readiness(sameIdentity)), "b")
        #expect(bench.starts.map(\.rank) == [0, 1])
        #expect(
            bench.starts.allSatisfy { $0.members.map(\.id) == ["b", "a"] && $0.generation == 1 && $0.firstStep == 0 })
        #expect(bench.starts[0].members[0].dataAddress == "tcp://10.0.0.1:98")
        #expect("\(bench.starts[0].members[1])" == "worker 1 (alpha, pid 97)")
        #expect(
            bench.messages(to: "a")[0]
                == .configuration(
                    RunOffer(yaml: "run: {}", heartbeatTimeoutSeconds: 5, reattachTimeoutSeconds: 60)))
    }

    @Test("a worker whose identity differs is refused with the field and both values, and the run waits for another")
    func refusesOtherIdentity() {
        var bench = CoordinatorBench(workers: 2)
        bench.say(.hello(hello("a")), "a")
        bench.say(.hello(hello("b")), "b")
        bench.say(.ready(Readiness(sameIdentity)), "a")
        bench.say(.ready(Readiness(Identity([.init("configuration", "c0"), .init("model", "m1")]))), "b")
        #expect(
            bench.messages(to: "b").last
                == .refused(
                    reason: "its model is 'm1', but 'm0' on worker 'a' (alpha, pid 97), the first worker of the run; "
                        + "give all workers the same model"))
        #expect(bench.outcomes.isEmpty)
        bench.gather("c")
        #expect(bench.starts.map(\.members.count) == [2, 2])
    }

    @Test("a field that one side lacks is a difference")
    func missingField() {
        let less = Identity([.init("configuration", "c0"), .init("model", "m0")])
        #expect(less.difference(from: sameIdentity) == .init(name: "kernels", mine: nil, other: "avx512"))
        #expect(sameIdentity.difference(from: less) == .init(name: "kernels", mine: "avx512", other: nil))
        #expect(sameIdentity.difference(from: sameIdentity) == nil)
    }

    @Test("when the first worker leaves alone, the next one sets the identity")
    func newReference() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a")
        bench.handle(.disconnected("a"))
        let other = Identity([.init("configuration", "c7")])
        for peer: PeerID in ["b", "c"] {
            bench.say(.hello(hello(peer)), peer)
            bench.say(.ready(Readiness(other)), peer)
        }
        #expect(bench.starts.map(\.members.count) == [2, 2])
    }

    @Test("a launched worker that is refused ends the run, for nobody starts another")
    func launchedRefused() {
        var bench = CoordinatorBench(workers: 2, launched: ["a", "b"])
        bench.gather("a")
        bench.say(.hello(hello("b")), "b")
        bench.say(.ready(Readiness(Identity([]))), "b")
        bench.say(.failed(WorkerFailure("the run was aborted", origin: .consequence)), "a")
        #expect(
            bench.failure
                == "worker 'b' (alpha, pid 98) was refused: its configuration is not given, but 'c0' on worker 'a' "
                + "(alpha, pid 97), the first worker of the run; give all workers the same configuration; then: "
                + "worker 'a' (alpha, pid 97) failed: the run was aborted")
    }

    @Test("workers beyond the number, of another run, or not admitted are refused with the reason")
    func refusals() {
        var bench = CoordinatorBench(workers: 1)
        bench.say(.hello(hello("a")), "a")
        bench.say(.hello(hello("b")), "b")
        bench.say(.heartbeat(Progress(step: 1, phase: .computing)), "c")
        bench.say(.hello(hello("d")), "d", run: "r0")
        bench.say(.ready(Readiness(sameIdentity)), "a")
        bench.say(.hello(hello("e")), "e")
        #expect(
            bench.messages(to: "b")
                == [.refused(reason: "the run has its 1 workers already; raise cluster.workers for more")])
        #expect(bench.messages(to: "c") == [.rejoin(reason: "it is not among the run's workers")])
        #expect(
            bench.messages(to: "d") == [.refused(reason: "it belongs to run 'r0' and this is run 'r1'; start it anew")])
        #expect(
            bench.messages(to: "e")
                == [.refused(reason: "the run has its 1 workers already; more would have no shard to compute")])
        #expect(bench.starts.count == 1)
    }

    @Test("what is no message is refused, unless a member sent it, which is noted")
    func undecodable() {
        var bench = CoordinatorBench(workers: 1)
        bench.handle(.undecodable(from: "x", .unsupportedVersion(9)))
        #expect(
            bench.messages(to: "x")
                == [
                    .refused(
                        reason: "the sender speaks version 9 of the control protocol and this program version 4; "
                            + "start the same build everywhere")
                ])
        bench.gather("a")
        bench.handle(.undecodable(from: "a", .frameCount(3)))
        #expect(bench.notices.last?.hasPrefix("worker 0 (alpha, pid 97) sent something unusable") == true)
        #expect(bench.outcomes.isEmpty)
    }

    @Test("a hello that is said again is answered again while the worker loads, and does not count twice")
    func repeatedHello() {
        var bench = CoordinatorBench(workers: 2)
        for _ in 0..<3 { bench.say(.hello(hello("a")), "a") }
        bench.say(.hello(hello("a", pid: 7)), "a")
        #expect(bench.messages(to: "a").count == 3)
        #expect(bench.starts.isEmpty)
        #expect(bench.notices == ["worker 'a' (alpha, pid 97) said hello again (now alpha, pid 7); ignored"])
    }

    @Test("it says for whom it waits every five seconds, and fails in the end naming how many are missing")
    func joinTimeout() {
        var bench = CoordinatorBench(workers: 3, joinTimeout: .seconds(20))
        bench.gather("a")
        bench.say(.hello(hello("b")), "b")
        bench.pass(.seconds(19), alive: ["a", "b"])
        let waits = bench.reports.compactMap { if case .waiting(let waiting) = $0 { waiting } else { nil } }
        #expect(waits.count == 4)
        #expect(waits[0].missing == 1)
        #expect(bench.outcomes.isEmpty)
        bench.pass(.seconds(3), alive: ["a", "b"])
        #expect(
            bench.failure
                == "the run did not start within 20.0 s: 1 of 3 workers is missing; still loading: worker 'b' "
                + "(alpha, pid 98); ready: worker 'a' (alpha, pid 97); start the missing workers sooner, lower "
                + "cluster.workers or raise cluster.join_timeout_s")
        #expect(bench.messages(to: "a").contains { if case .abort = $0 { true } else { false } })
    }

    @Test("a launched process that ends before it joined fails the run with its exit")
    func launchedExits() {
        var bench = CoordinatorBench(workers: 2, launched: ["a", "b"])
        bench.gather("a")
        bench.handle(.processExited("b", .status(127)))
        bench.pass(.seconds(2))
        #expect(
            bench.failure == "worker 'b' exited with status 127 before it joined; its log says more")
    }

    @Test("a silent worker is dropped before the start, and another takes its place")
    func silentWhileJoining() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a", "b")
        #expect(bench.starts.count == 2)
        var other = CoordinatorBench(workers: 2)
        other.gather("a")
        other.pass(.seconds(6))
        #expect(
            other.notices.last
                == "worker 'a' (alpha, pid 97) sent no heartbeat for 5.0 s; the run waits for another worker")
        other.gather("b", "c")
        #expect(other.starts.count == 2)
    }

    @Test("an interrupt before the start ends the run at once")
    func interrupted() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a")
        bench.handle(.interrupt)
        #expect(bench.outcomes == [.interrupted(nil)])
        #expect(bench.messages(to: "a").last == .abort(reason: "the run was interrupted"))
    }
}
