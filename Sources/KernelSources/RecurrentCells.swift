import Kernels

// What a recurrent layer does at each step besides its matrix products. The transcendental functions make the bits
// depend on the instruction set.

func lstm(
    _ gates: Destination, _ addend: Source?, _ previous: Source?, _ cells: Destination, _ hidden: Destination,
    _ rows: Int, _ size: Int, _ order: GateOrder
) {
    for row in 0..<rows {
        let start = row &* size
        let line = gates + 4 &* start
        forEachVector(size) { offset, lanes in
            @inline(__always)
            func gate(_ block: Int) -> Vector {
                let place = block &* size &+ offset
                let sum = read(line + place, lanes)
                guard let addend else { return sum }
                return sum + read(addend + (4 &* start &+ place), lanes)
            }
            let i = sigmoid(gate(0))
            let f = sigmoid(gate(1))
            let g = hyperbolicTangent(gate(order.candidate))
            let o = sigmoid(gate(order.output))
            var c = i * g
            if let previous { c = multiplyAdd(f, read(previous + (start &+ offset), lanes), c) }
            write(i, line + offset, lanes)
            write(f, line + (size &+ offset), lanes)
            write(g, line + (order.candidate &* size &+ offset), lanes)
            write(o, line + (order.output &* size &+ offset), lanes)
            write(c, cells + (start &+ offset), lanes)
            write(o * hyperbolicTangent(c), hidden + (start &+ offset), lanes)
        }
    }
}

func lstmGradient(
    _ gates: Source, _ previous: Source?, _ cells: Source, _ dHidden: Source, _ dCells: Destination,
    _ dGates: Destination, _ rows: Int, _ size: Int, _ order: GateOrder
) {
    for row in 0..<rows {
        let start = row &* size
        let line = gates + 4 &* start
        let target = dGates + 4 &* start
        forEachVector(size) { offset, lanes in
            let place = start &+ offset
            let i = read(line + offset, lanes)
            let f = read(line + (size &+ offset), lanes)
            let g = read(line + (order.candidate &* size &+ offset), lanes)
            let o = read(line + (order.output &* size &+ offset), lanes)
            let dh = read(dHidden + place, lanes)
            let bent = hyperbolicTangent(read(cells + place, lanes))
            let dc = read(dCells + place, lanes) + dh * o * (1 - bent * bent)
            let df = previous.map { dc * read($0 + place, lanes) * f * (1 - f) } ?? Vector(repeating: 0)
            write(dc * g * i * (1 - i), target + offset, lanes)
            write(df, target + (size &+ offset), lanes)
            write(dc * i * (1 - g * g), target + (order.candidate &* size &+ offset), lanes)
            write(dh * bent * o * (1 - o), target + (order.output &* size &+ offset), lanes)
            write(dc * f, dCells + place, lanes)
        }
    }
}

func gru(_ gates: Destination, _ previous: Source?, _ hidden: Destination, _ rows: Int, _ size: Int) {
    for row in 0..<rows {
        let start = row &* size
        let line = gates + 4 &* start
        forEachVector(size) { offset, lanes in
            let r = sigmoid(read(line + (size &+ offset), lanes))
            let z = sigmoid(read(line + (2 &* size &+ offset), lanes))
            let projection = read(line + (3 &* size &+ offset), lanes)
            let n = hyperbolicTangent(multiplyAdd(r, projection, read(line + offset, lanes)))
            let before = previous.map { read($0 + (start &+ offset), lanes) } ?? Vector(repeating: 0)
            write(n, line + offset, lanes)
            write(r, line + (size &+ offset), lanes)
            write(z, line + (2 &* size &+ offset), lanes)
            write(multiplyAdd(z, before - n, n), hidden + (start &+ offset), lanes)
        }
    }
}

func gruGradient(
    _ gates: Source, _ previous: Source?, _ dHidden: Destination, _ dGates: Destination, _ rows: Int, _ size: Int
) {
    for row in 0..<rows {
        let start = row &* size
        let line = gates + 4 &* start
        let target = dGates + 4 &* start
        forEachVector(size) { offset, lanes in
            let n = read(line + offset, lanes)
            let r = read(line + (size &+ offset), lanes)
            let z = read(line + (2 &* size &+ offset), lanes)
            let projection = read(line + (3 &* size &+ offset), lanes)
            let before = previous.map { read($0 + (start &+ offset), lanes) } ?? Vector(repeating: 0)
            let dh = read(dHidden + (start &+ offset), lanes)
            let dn = dh * (1 - z) * (1 - n * n)
            write(dn, target + offset, lanes)
            write(dn * projection * r * (1 - r), target + (size &+ offset), lanes)
            write(dh * (before - n) * z * (1 - z), target + (2 &* size &+ offset), lanes)
            write(dn * r, target + (3 &* size &+ offset), lanes)
            write(dh * z, dHidden + (start &+ offset), lanes)
        }
    }
}

func tanhGradient(_ y: Source, _ dy: Source, _ dx: Destination, _ count: Int) {
    for i in 0..<count { dx[i] = dy[i] * (1 - y[i] * y[i]) }
}
