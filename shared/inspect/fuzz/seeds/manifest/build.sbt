build.sbt
scalaVersion := "3.4.0"
enablePlugins(PlayScala)
